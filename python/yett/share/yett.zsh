#compdef yett

autoload -U is-at-least

_yett() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'-c+[Settings file \[yett.toml\]]:PATH:_files' \
'--config=[Settings file \[yett.toml\]]:PATH:_files' \
'*-b+[Address to listen on; may be repeated \[127.0.0.1\:8000\]]:ADDR:' \
'*--bind=[Address to listen on; may be repeated \[127.0.0.1\:8000\]]:ADDR:' \
'--backlog=[Connections that the kernel may queue for each address \[2048\]]:N:' \
'--unix-mode=[File mode of unix sockets, like 660 \[umask\]]:MODE:' \
'-i+[Interface of the application\: auto, asgi, wsgi \[auto\]]:NAME:(auto asgi wsgi)' \
'--interface=[Interface of the application\: auto, asgi, wsgi \[auto\]]:NAME:(auto asgi wsgi)' \
'-t+[Most threads that run the application (WSGI) \[16\]]:N:' \
'--threads=[Most threads that run the application (WSGI) \[16\]]:N:' \
'--underscore-headers=[Request headers with _ in their names (WSGI)\: drop, allow \[drop\]]:WHAT:(drop allow)' \
'--paste-name=[Application in a Paste file\: yett production.ini \[main\]]:NAME:' \
'--loop=[Event loop (ASGI)\: auto, asyncio, uvloop \[auto\]]:NAME:(auto asyncio uvloop)' \
'--lifespan=[Lifespan protocol (ASGI)\: auto, on, off \[auto\]]:WHEN:(auto on off)' \
'--root-path=[Prefix under which a proxy serves the application]:PATH:' \
'--log-level=[Least message shown\: error, warning, info, debug \[info\]]:LEVEL:(error warning info debug)' \
'--log-format=[Form of the error log\: text, json \[text\]]:FORMAT:(text json)' \
'--error-log=[Messages go to\: stderr, -, PATH, syslog, logging \[stderr\]]:WHERE:_files' \
'--access-log=[One line per request to\: -, stderr, PATH, syslog, off \[off\]]::WHERE:_files' \
'--access-log-format=[What the access log says about a request \[common\]]:FORMAT:' \
'--syslog-facility=[Facility of messages to syslog, like daemon or local0 \[daemon\]]:NAME:(kern user mail daemon auth syslog lpr news uucp cron authpriv ftp local0 local1 local2 local3 local4 local5 local6 local7)' \
'*--trusted-proxies=[Proxies that are believed \[127.0.0.0/8,\:\:1,unix\]]:PEERS:' \
'*--forwarded-headers=[Forwarding fields believed \[x-forwarded-for,x-forwarded-proto\]]:NAMES:' \
'-w+[Processes that run the application, or auto \[1\]]:N:' \
'--workers=[Processes that run the application, or auto \[1\]]:N:' \
'--pid=[Write the number of the process that takes signals to this file]:PATH:_files' \
'--user=[Run the application as this user]:NAME:' \
'--group=[Run the application as this group]:NAME:' \
'--umask=[Permission bits that files made by the application lack, like 027 \[inherit\]]:MODE:' \
'--chdir=[Change to this directory before anything is opened or imported]:PATH:_files' \
'--max-requests=[Replace a worker after so many requests \[off\]]:N:' \
'--max-requests-jitter=[Up to so many requests more, at random for each worker \[0\]]:N:' \
'--max-rss=[Replace a worker that takes more memory than this \[off\]]:SIZE:' \
'--worker-lifetime=[Replace a worker after this time \[off\]]:DURATION:' \
'--worker-lifetime-jitter=[Up to this much longer, at random for each worker \[0s\]]:DURATION:' \
'--head-timeout=[From the first byte of a request head to its last \[10s\]]:DURATION:' \
'--keep-alive-timeout=[How long an idle connection is kept for the next request \[75s\]]:DURATION:' \
'--body-timeout=[Longest pause in a request body \[30s\]]:DURATION:' \
'--write-timeout=[How long a client may take nothing of a response that waits for it \[30s\]]:DURATION:' \
'--request-timeout=[Longest time until a response begins (504 after it) \[off\]]:DURATION:' \
'--request-total-timeout=[Longest time until a response is complete \[off\]]:DURATION:' \
'--beat-timeout=[How long a worker'\''s event loop or pool may show no sign of life \[30s\]]:DURATION:' \
'--gil-timeout=[How long one thread of a worker may hold Python'\''s global lock \[30s\]]:DURATION:' \
'--startup-timeout=[Longest time from a worker'\''s start until it is ready \[60s\]]:DURATION:' \
'--graceful-timeout=[How long running requests may go on after SIGTERM or SIGINT \[30s\]]:DURATION:' \
'--drain-delay=[How long connections are still taken after SIGTERM \[0s\]]:DURATION:' \
'--stream-drain-timeout=[How long streaming responses may go on in a worker that is replaced \[5m\]]:DURATION:' \
'--limit-request-line=[Request line (414 above it) \[8KiB\]]:SIZE:' \
'--limit-field=[One header field (431 above it) \[16KiB\]]:SIZE:' \
'--limit-head=[Whole request head (431 above it) \[64KiB\]]:SIZE:' \
'--limit-fields=[Number of header fields (431 above it) \[100\]]:N:' \
'--limit-body=[Request body (413 above it) \[1GiB\]]:SIZE:' \
'--limit-chunk-line=[Chunk-size line with its extensions (400 above it) \[4KiB\]]:SIZE:' \
'--limit-trailers=[Trailer section of a chunked body (431 above it) \[8KiB\]]:SIZE:' \
'--response-spool=[How much of a response may wait in a temporary file (WSGI) \[1GiB\]]:SIZE:' \
'--when-ready=[Call this when all workers are ready, in the supervisor]:MODULE:FUNCTION:' \
'--worker-start=[Call this in each new worker, before it imports the application]:MODULE:FUNCTION:' \
'--worker-ready=[Call this in each worker that is ready for requests]:MODULE:FUNCTION:' \
'--worker-stop=[Call this in each worker that begins to stop]:MODULE:FUNCTION:' \
'--worker-exit=[Call this in each worker, last of all]:MODULE:FUNCTION:' \
'--on-reload=[Call this when a reload begins, in the supervisor]:MODULE:FUNCTION:' \
'*--reload-include=[Files whose change makes yett dev reload \[*.py,*.html,*.jinja,*.jinja2,*.toml,*.ini\]]:PATTERNS:' \
'*--reload-exclude=[Files and directories that yett dev does not watch \[none\]]:PATTERNS:' \
'--no-request-buffering[Let the application read the body as it arrives (WSGI)]' \
'--no-eager-tasks[Begin requests in the next turn of the event loop (ASGI)]' \
'--no-request-id[Make no request identifiers]' \
'--no-request-id-header[Do not tell clients the request'\''s identifier]' \
'--no-strip-forwarded[Hand on forwarding headers as they come]' \
'--no-server-header[Leave the Server field to the application]' \
'--no-supervisor[Serve in this one process, which nobody looks after]' \
'--no-preload[Import the application in each worker]' \
'--no-balance[Let whichever worker is first take a new connection]' \
'--no-browser-reload[Leave pages in the browser alone after a reload (yett dev)]' \
'--json[Let yett config print JSON]' \
'-h[Print the main options, or all (--help)]' \
'--help[Print the main options, or all (--help)]' \
'-V[Print the version]' \
'--version[Print the version]' \
'--request-buffering[Collect the request body before calling the application (WSGI)]' \
'--eager-tasks[Begin requests at once, without a turn of the event loop (ASGI)]' \
'--request-id[Give each request an identifier, in both logs and for the application]' \
'--request-id-header[Add X-Request-ID to responses]' \
'--strip-forwarded[Remove forwarding headers of untrusted peers]' \
'--server-header[Add Server\: yett to responses that have no Server field]' \
'--supervisor[Have a process of its own look after the workers]' \
'--preload[Import the application once, and fork the workers from there]' \
'--balance[Share new connections among the workers by their running requests]' \
'--browser-reload[Have pages in the browser reload after a reload (yett dev)]' \
'*:APP:_yett_target' \
&& ret=0
}

(( $+functions[_yett_commands] )) ||
_yett_commands() {
    local commands; commands=()
    _describe -t commands 'yett commands' commands "$@"
}

(( $+functions[_yett_target] )) ||
_yett_target() {
    if [[ ${words[CURRENT - 1]} == completions ]]; then
        _values shell bash zsh fish
        return
    fi
    local -a own
    own=('dev:serve it while it is written\: reload, helpful errors' 'demo:serve the built-in showcase' 'check:check settings and application, without serving' 'config:print the settings, and where each came from' 'migrate:turn another server'\''s settings into a yett.toml' 'completions:print the completions for bash, zsh or fish')
    _alternative 'commands:command:{_describe -t commands command own}' \
        'files:application:_files -g "*.(py|ini)"'
}

if [ "$funcstack[1]" = "_yett" ]; then
    _yett "$@"
else
    compdef _yett yett
fi
