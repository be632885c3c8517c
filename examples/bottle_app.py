"""Bottle. Serve it with: yett examples/bottle_app.py (needs: pip install bottle)"""

import bottle

app = bottle.Bottle()
notes: list[str] = []


@app.get("/notes")
def list_notes():
    return {"notes": notes}


@app.post("/notes")
def add_note():
    notes.append(bottle.request.forms.text)
    bottle.redirect("/notes", 303)


@app.get("/hello/<name>")
def hello(name):
    return bottle.template("<p>Hello, {{name}}!</p>", name=name)
