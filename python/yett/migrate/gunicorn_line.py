"""A command line of Gunicorn, with the configuration file and the variable that Gunicorn reads with it."""

import os
import shlex
from collections.abc import Sequence

from . import gunicorn, gunicorn_config
from .options import OptionParser
from .report import Given, MigrateError, Report

# Setting → its options on the command line, those with a value first.
VALUES = {
    "config": "-c --config",
    "bind": "-b --bind",
    "backlog": "--backlog",
    "workers": "-w --workers",
    "worker_class": "-k --worker-class",
    "threads": "--threads",
    "worker_connections": "--worker-connections",
    "max_requests": "--max-requests",
    "max_requests_jitter": "--max-requests-jitter",
    "timeout": "-t --timeout",
    "graceful_timeout": "--graceful-timeout",
    "keepalive": "--keep-alive",
    "limit_request_line": "--limit-request-line",
    "limit_request_fields": "--limit-request-fields",
    "limit_request_field_size": "--limit-request-field_size",
    "reload_engine": "--reload-engine",
    "reload_extra_files": "--reload-extra-file",
    "chdir": "--chdir",
    "raw_env": "-e --env",
    "pidfile": "-p --pid",
    "worker_tmp_dir": "--worker-tmp-dir",
    "user": "-u --user",
    "group": "-g --group",
    "umask": "-m --umask",
    "forwarded_allow_ips": "--forwarded-allow-ips",
    "accesslog": "--access-logfile",
    "access_log_format": "--access-logformat",
    "errorlog": "--error-logfile --log-file",
    "loglevel": "--log-level",
    "logger_class": "--logger-class",
    "logconfig": "--log-config",
    "logconfig_json": "--log-config-json",
    "syslog_addr": "--log-syslog-to",
    "syslog_prefix": "--log-syslog-prefix",
    "syslog_facility": "--log-syslog-facility",
    "statsd_host": "--statsd-host",
    "dogstatsd_tags": "--dogstatsd-tags",
    "statsd_prefix": "--statsd-prefix",
    "proc_name": "-n --name",
    "pythonpath": "--pythonpath",
    "paste": "--paste --paster",
    "proxy_allow_ips": "--proxy-allow-from",
    "protocol": "--protocol",
    "uwsgi_allow_ips": "--uwsgi-allow-from",
    "keyfile": "--keyfile",
    "certfile": "--certfile",
    "ssl_version": "--ssl-version",
    "cert_reqs": "--cert-reqs",
    "ca_certs": "--ca-certs",
    "ciphers": "--ciphers",
    "http_protocols": "--http-protocols",
    "http2_cleartext": "--http2-cleartext",
    "http2_max_concurrent_streams": "--http2-max-concurrent-streams",
    "http2_initial_window_size": "--http2-initial-window-size",
    "http2_max_frame_size": "--http2-max-frame-size",
    "http2_max_header_list_size": "--http2-max-header-list-size",
    "raw_paste_global_conf": "--paste-global",
    "forwarder_headers": "--forwarder-headers",
    "header_map": "--header-map",
    "asgi_loop": "--asgi-loop",
    "asgi_lifespan": "--asgi-lifespan",
    "asgi_disconnect_grace_period": "--asgi-disconnect-grace-period",
    "websocket_max_message_size": "--websocket-max-message-size",
    "http_parser": "--http-parser",
    "root_path": "--root-path",
    "dirty_apps": "--dirty-app",
    "dirty_workers": "--dirty-workers",
    "dirty_timeout": "--dirty-timeout",
    "dirty_threads": "--dirty-threads",
    "dirty_graceful_timeout": "--dirty-graceful-timeout",
    "control_socket": "--control-socket",
    "control_socket_mode": "--control-socket-mode",
}
SEVERAL = {"bind", "reload_extra_files", "raw_env", "raw_paste_global_conf", "dirty_apps"}
SWITCHES = {
    "reload": "--reload",
    "spew": "--spew",
    "check_config": "--check-config",
    "print_config": "--print-config",
    "preload_app": "--preload",
    "reuse_port": "--reuse-port",
    "daemon": "-D --daemon",
    "initgroups": "--initgroups",
    "disable_redirect_access_to_syslog": "--disable-redirect-access-to-syslog",
    "capture_output": "--capture-output",
    "syslog": "--log-syslog",
    "enable_stdio_inheritance": "-R --enable-stdio-inheritance",
    "enable_backlog_metric": "--enable-backlog-metric",
    "suppress_ragged_eofs": "--suppress-ragged-eofs",
    "do_handshake_on_connect": "--do-handshake-on-connect",
    "permit_obsolete_folding": "--permit-obsolete-folding",
    "strip_header_spaces": "--strip-header-spaces",
    "permit_unconventional_http_method": "--permit-unconventional-http-method",
    "permit_unconventional_http_version": "--permit-unconventional-http-version",
    "casefold_http_method": "--casefold-http-method",
    "control_socket_disable": "--no-control-socket",
}
SWITCHES_OFF = {"sendfile": "--no-sendfile"}
OPTIONAL = {"proxy_protocol": ("--proxy-protocol", "auto")}

_DEFAULT_CONFIG = "gunicorn.conf.py"


def parser() -> OptionParser:
    """The options of ``gunicorn``."""
    options = OptionParser("gunicorn", abbreviations=True)
    for name, spellings in VALUES.items():
        options.add(name, *spellings.split(), several=name in SEVERAL)
    for name, spellings in SWITCHES.items():
        options.add_switch(name, *spellings.split())
    for name, spelling in SWITCHES_OFF.items():
        options.add_switch(name, spelling, value=False)
    for name, (spelling, value) in OPTIONAL.items():
        options.add(name, spelling, optional=value)
    return options


def migrate(arguments: Sequence[str]) -> Report:
    """What ``gunicorn ARGUMENTS`` becomes. The configuration file is executed. Raises `MigrateError`."""
    options = parser()
    words, line = options.parse(arguments)
    if len(words) > 1:
        raise MigrateError(f"gunicorn takes one application, not {' and '.join(words)}")
    variable = _variable(options)
    given = {}
    if config := line.pop("config", None) or variable.pop("config", None) or _default_config():
        given.update(gunicorn_config.read(config.value).given)
    # As Gunicorn does: the variable over the file, the command line over both.
    given.update(variable)
    given.update(line)
    if words:
        given["wsgi_app"] = Given("wsgi_app", words[0], words[0])
    return gunicorn.translate(given)


def _variable(options: OptionParser) -> dict[str, Given]:
    try:
        words = shlex.split(os.environ.get("GUNICORN_CMD_ARGS", ""))
    except ValueError as error:
        raise MigrateError(f"GUNICORN_CMD_ARGS: {error}") from None
    return {
        name: Given(name, given.value, f"GUNICORN_CMD_ARGS: {given.text}")
        for name, given in options.parse(words)[1].items()
    }


def _default_config() -> Given | None:
    return Given("config", _DEFAULT_CONFIG, "") if os.path.exists(_DEFAULT_CONFIG) else None
