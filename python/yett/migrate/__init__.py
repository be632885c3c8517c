"""Coming from another server: ``yett migrate`` and ``yett --config gunicorn.conf.py``.

=================  ====================================================================
`command`          the subcommand: which source is meant, where the result goes
`options`          reading another server's command line
`equivalents`      which setting of Yett's an option corresponds to, or why none does
`report`           what became of each option
`document`         the report as a commented ``yett.toml``
`values`           values in Yett's units
`gunicorn`         what Gunicorn's settings become
`gunicorn_config`  running a ``gunicorn.conf.py``
`gunicorn_line`    a command line of Gunicorn, with the file and variable it reads
`gunicorn_hooks`   calling the server hooks of a ``gunicorn.conf.py``
`uvicorn`          a command line of Uvicorn
`granian`          a command line of Granian
`uwsgi`            an ``.ini`` file of uWSGI
=================  ====================================================================
"""
