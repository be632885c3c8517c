"""The application of production.ini, for servers that do not read such files, or each in its own way."""

import logging.config

from paste.deploy import loadapp

logging.config.fileConfig("production.ini", disable_existing_loggers=False)
app = loadapp("config:production.ini", relative_to=".")
