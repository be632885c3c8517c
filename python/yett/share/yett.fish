complete -c yett -s c -l config -d 'Settings file [yett.toml]' -r -F
complete -c yett -s b -l bind -d 'Address to listen on; may be repeated [127.0.0.1:8000]' -r -f
complete -c yett -l backlog -d 'Connections that the kernel may queue for each address [2048]' -r -f
complete -c yett -l unix-mode -d 'File mode of unix sockets, like 660 [umask]' -r -f
complete -c yett -s i -l interface -d 'Interface of the application: auto, asgi, wsgi [auto]' -r -f -a "auto\t''
asgi\t''
wsgi\t''"
complete -c yett -s t -l threads -d 'Most threads that run the application (WSGI) [16]' -r -f
complete -c yett -l underscore-headers -d 'Request headers with _ in their names (WSGI): drop, allow [drop]' -r -f -a "drop\t''
allow\t''"
complete -c yett -l paste-name -d 'Application in a Paste file: yett production.ini [main]' -r -f
complete -c yett -l loop -d 'Event loop (ASGI): auto, asyncio, uvloop [auto]' -r -f -a "auto\t''
asyncio\t''
uvloop\t''"
complete -c yett -l lifespan -d 'Lifespan protocol (ASGI): auto, on, off [auto]' -r -f -a "auto\t''
on\t''
off\t''"
complete -c yett -l root-path -d 'Prefix under which a proxy serves the application' -r -f
complete -c yett -l log-level -d 'Least message shown: error, warning, info, debug [info]' -r -f -a "error\t''
warning\t''
info\t''
debug\t''"
complete -c yett -l log-format -d 'Form of the error log: text, json [text]' -r -f -a "text\t''
json\t''"
complete -c yett -l error-log -d 'Messages go to: stderr, -, PATH, syslog, logging [stderr]' -r -F
complete -c yett -l access-log -d 'One line per request to: -, stderr, PATH, syslog, off [off]' -r -F
complete -c yett -l access-log-format -d 'What the access log says about a request [common]' -r -f
complete -c yett -l syslog-facility -d 'Facility of messages to syslog, like daemon or local0 [daemon]' -r -f -a "kern\t''
user\t''
mail\t''
daemon\t''
auth\t''
syslog\t''
lpr\t''
news\t''
uucp\t''
cron\t''
authpriv\t''
ftp\t''
local0\t''
local1\t''
local2\t''
local3\t''
local4\t''
local5\t''
local6\t''
local7\t''"
complete -c yett -l trusted-proxies -d 'Proxies that are believed [127.0.0.0/8,::1,unix]' -r -f
complete -c yett -l forwarded-headers -d 'Forwarding fields believed [x-forwarded-for,x-forwarded-proto]' -r -f
complete -c yett -s w -l workers -d 'Processes that run the application, or auto [1]' -r -f
complete -c yett -l pid -d 'Write the number of the process that takes signals to this file' -r -F
complete -c yett -l user -d 'Run the application as this user' -r -f
complete -c yett -l group -d 'Run the application as this group' -r -f
complete -c yett -l umask -d 'Permission bits that files made by the application lack, like 027 [inherit]' -r -f
complete -c yett -l chdir -d 'Change to this directory before anything is opened or imported' -r -F
complete -c yett -l max-requests -d 'Replace a worker after so many requests [off]' -r -f
complete -c yett -l max-requests-jitter -d 'Up to so many requests more, at random for each worker [0]' -r -f
complete -c yett -l max-rss -d 'Replace a worker that takes more memory than this [off]' -r -f
complete -c yett -l worker-lifetime -d 'Replace a worker after this time [off]' -r -f
complete -c yett -l worker-lifetime-jitter -d 'Up to this much longer, at random for each worker [0s]' -r -f
complete -c yett -l head-timeout -d 'From the first byte of a request head to its last [10s]' -r -f
complete -c yett -l keep-alive-timeout -d 'How long an idle connection is kept for the next request [75s]' -r -f
complete -c yett -l body-timeout -d 'Longest pause in a request body [30s]' -r -f
complete -c yett -l write-timeout -d 'How long a client may take nothing of a response that waits for it [30s]' -r -f
complete -c yett -l request-timeout -d 'Longest time until a response begins (504 after it) [off]' -r -f
complete -c yett -l request-total-timeout -d 'Longest time until a response is complete [off]' -r -f
complete -c yett -l beat-timeout -d 'How long a worker\'s event loop or pool may show no sign of life [30s]' -r -f
complete -c yett -l gil-timeout -d 'How long one thread of a worker may hold Python\'s global lock [30s]' -r -f
complete -c yett -l startup-timeout -d 'Longest time from a worker\'s start until it is ready [60s]' -r -f
complete -c yett -l graceful-timeout -d 'How long running requests may go on after SIGTERM or SIGINT [30s]' -r -f
complete -c yett -l drain-delay -d 'How long connections are still taken after SIGTERM [0s]' -r -f
complete -c yett -l stream-drain-timeout -d 'How long streaming responses may go on in a worker that is replaced [5m]' -r -f
complete -c yett -l limit-request-line -d 'Request line (414 above it) [8KiB]' -r -f
complete -c yett -l limit-field -d 'One header field (431 above it) [16KiB]' -r -f
complete -c yett -l limit-head -d 'Whole request head (431 above it) [64KiB]' -r -f
complete -c yett -l limit-fields -d 'Number of header fields (431 above it) [100]' -r -f
complete -c yett -l limit-body -d 'Request body (413 above it) [1GiB]' -r -f
complete -c yett -l limit-chunk-line -d 'Chunk-size line with its extensions (400 above it) [4KiB]' -r -f
complete -c yett -l limit-trailers -d 'Trailer section of a chunked body (431 above it) [8KiB]' -r -f
complete -c yett -l response-spool -d 'How much of a response may wait in a temporary file (WSGI) [1GiB]' -r -f
complete -c yett -l when-ready -d 'Call this when all workers are ready, in the supervisor' -r -f
complete -c yett -l worker-start -d 'Call this in each new worker, before it imports the application' -r -f
complete -c yett -l worker-ready -d 'Call this in each worker that is ready for requests' -r -f
complete -c yett -l worker-stop -d 'Call this in each worker that begins to stop' -r -f
complete -c yett -l worker-exit -d 'Call this in each worker, last of all' -r -f
complete -c yett -l on-reload -d 'Call this when a reload begins, in the supervisor' -r -f
complete -c yett -l reload-include -d 'Files whose change makes yett dev reload [*.py,*.html,*.jinja,*.jinja2,*.toml,*.ini]' -r -f
complete -c yett -l reload-exclude -d 'Files and directories that yett dev does not watch [none]' -r -f
complete -c yett -l no-request-buffering -d 'Let the application read the body as it arrives (WSGI)'
complete -c yett -l no-eager-tasks -d 'Begin requests in the next turn of the event loop (ASGI)'
complete -c yett -l no-request-id -d 'Make no request identifiers'
complete -c yett -l no-request-id-header -d 'Do not tell clients the request\'s identifier'
complete -c yett -l no-strip-forwarded -d 'Hand on forwarding headers as they come'
complete -c yett -l no-server-header -d 'Leave the Server field to the application'
complete -c yett -l no-supervisor -d 'Serve in this one process, which nobody looks after'
complete -c yett -l no-preload -d 'Import the application in each worker'
complete -c yett -l no-balance -d 'Let whichever worker is first take a new connection'
complete -c yett -l no-browser-reload -d 'Leave pages in the browser alone after a reload (yett dev)'
complete -c yett -l json -d 'Let yett config print JSON'
complete -c yett -s h -l help -d 'Print the main options, or all (--help)'
complete -c yett -s V -l version -d 'Print the version'
complete -c yett -l request-buffering -d 'Collect the request body before calling the application (WSGI)'
complete -c yett -l eager-tasks -d 'Begin requests at once, without a turn of the event loop (ASGI)'
complete -c yett -l request-id -d 'Give each request an identifier, in both logs and for the application'
complete -c yett -l request-id-header -d 'Add X-Request-ID to responses'
complete -c yett -l strip-forwarded -d 'Remove forwarding headers of untrusted peers'
complete -c yett -l server-header -d 'Add Server: yett to responses that have no Server field'
complete -c yett -l supervisor -d 'Have a process of its own look after the workers'
complete -c yett -l preload -d 'Import the application once, and fork the workers from there'
complete -c yett -l balance -d 'Share new connections among the workers by their running requests'
complete -c yett -l browser-reload -d 'Have pages in the browser reload after a reload (yett dev)'
complete -c yett -n "__fish_use_subcommand" -a dev -d 'serve it while it is written: reload, helpful errors'
complete -c yett -n "__fish_use_subcommand" -a demo -d 'serve the built-in showcase'
complete -c yett -n "__fish_use_subcommand" -a check -d 'check settings and application, without serving'
complete -c yett -n "__fish_use_subcommand" -a config -d 'print the settings, and where each came from'
complete -c yett -n "__fish_use_subcommand" -a migrate -d 'turn another server\'s settings into a yett.toml'
complete -c yett -n "__fish_use_subcommand" -a completions -d 'print the completions for bash, zsh or fish'
complete -c yett -n "__fish_seen_subcommand_from completions" -f -a "bash zsh fish"
