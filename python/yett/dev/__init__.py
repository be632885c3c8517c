"""What makes `yett dev` different: reload on change, errors in the browser, pages that reload by themselves.

| question | file |
|---|---|
| Which files are watched, and what does the terminal say? | `watching` (the supervisor's part) |
| What do its processes know of each other? | `session` |
| How does a worker load the application, and what if it cannot? | `serving`, `standin` |
| What is added to the application? | `asgi`, `wsgi`, and `wrapper` for both |
| Who may see errors? | `local` |
| How does an error look? | `failure` (what is known of it), `values` (variables), `page` |
| How does a page learn of a reload? | `markup` (the script), `policy` (whether it may), `channel` (the news) |
"""
