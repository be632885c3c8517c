from beside import hook as when_ready  # noqa: F401

bind = ["tcp://0.0.0.0:80", "[::]:80", "unix:///run/x.sock", "fd://3", ""]
proxy_protocol = True
proxy_allow_ips = "10.1.2.3"
worker_class = "gevent"
worker_connections = 1000
threads = 4
certfile = "/etc/tls/shop.pem"
keyfile = "/etc/tls/shop.key"
limit_request_line = 0
limit_request_fields = 20000
header_map = "refuse"
syslog = True
syslog_addr = "unix:///dev/log#dgram"
syslog_facility = "local3"
user = "www-data"
backlog = 100000
paste = "production.ini#shop"
loglevel = "critical"
statsd_host = "localhost:8125"
hostile = "not a setting\nbind = ['evil']"
proc_name = "two\nlines\x1b[31m"
