"""From the target that a person names to the application object.

Targets are ``module:attribute`` (also ``module:attribute.inner``), ``module:factory()``, ``module`` alone,
and ``path/to/file.py`` with any of these attributes. Without an attribute it is `DEFAULT_ATTRIBUTES`.
``path/to/file.ini`` and ``path/to/file.ini#name`` are left to `paste`.

The current folder can be imported from, whatever started the process. A file target makes the folder of the
file importable instead, as ``python path/to/file.py`` does, except that a file in a package (its folder has an
``__init__.py``) is imported as the submodule that it is, from the folder above its topmost package, so that
its relative imports work.
"""

import importlib
import inspect
import os
import re
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

from . import suggest
from .errors import TargetError, application_traceback, has_application_frames, summary
from .interface import accepts, describe, looks_like_factory

__all__ = ["DEFAULT_ATTRIBUTES", "TargetError", "function", "load", "make_importable"]

# Django's name, then everybody else's. Where a module has both, `application` is the outer one as a rule.
DEFAULT_ATTRIBUTES = ("application", "app")
# Greedy, so that folders may have colons in their names.
_FILE = re.compile(r"(.*\.py)(?:(:)(.*))?", re.DOTALL)
_PASTE_FILE = re.compile(r"(.*?\.ini)(?:(#)(.*))?", re.DOTALL)
_FORMS = "name it as module:attribute or path/to/file.py:attribute, for instance app:app"


class _Target(NamedTuple):
    source: str
    is_file: bool
    attribute: str | None
    is_factory: bool


def load(target: str, *, factory_args: Sequence[Any] = (), paste_name: str = "main") -> Any:
    """Import what ``target`` names and return the application, called already if it is a factory.

    ``factory_args`` are positional arguments for the factory; ``paste_name`` is the application of a Paste file
    that names none itself. Puts one folder at the front of ``sys.path``.
    Raises `TargetError` for everything that can be wrong; ``KeyboardInterrupt`` passes through.
    """
    if paste_file := _PASTE_FILE.fullmatch(target):
        from . import paste  # which most targets do not need

        path, sign, name = paste_file.groups(default="")
        if sign and not name:
            raise TargetError(f"nothing after the # of {target!r}", hint=f"try: yett {path}")
        return paste.load(path, name or paste_name)
    parsed = _parse(target)
    if parsed.is_file:
        module = _import_file(parsed)
    else:
        folder = _current_folder()
        if folder is not None:
            make_importable(folder)
        module = _import(parsed.source, parsed)
    name, value = _find(module, parsed)
    if parsed.is_factory:
        value = _call_factory(name, value, factory_args)
    else:
        _check_not_factory(name, value, parsed)
    if not callable(value):
        raise _not_callable(name, value, parsed)
    return value


def function(target: str) -> Any:
    """What ``module:function`` names, and whatever can be called besides. Raises `TargetError`."""
    parsed = _parse(target)
    if (folder := _current_folder()) is not None:
        make_importable(folder)
    name, value = _find(_import(parsed.source, parsed), parsed)
    if not callable(value):
        raise TargetError(f"{name!r} is no function: it is {describe(value)}")
    return value


def _parse(target: str) -> _Target:
    file = _FILE.fullmatch(target)
    source, colon, attribute = file.groups(default="") if file else target.partition(":")
    if not source:
        raise TargetError(f"no module in {target!r}" if target else "no application given", hint=_FORMS)
    if colon and not attribute:
        raise TargetError(f"nothing after the colon of {target!r}", hint=_FORMS)
    if source.endswith(".ini"):
        raise TargetError(
            f"{source!r} is a Paste file, in which an application is named after a #",
            hint=f"try: yett {_quoted(f'{source}#{attribute}')}",
        )
    name, parenthesis, arguments = attribute.partition("(")
    if parenthesis and arguments.strip() != ")":
        raise TargetError(
            f"{attribute!r} is not a call without arguments",
            hint=f"a factory is called as {name}(); write a function without arguments that calls yours with them",
        )
    if attribute and not all(part.isidentifier() for part in name.split(".")):
        raise TargetError(f"{name!r} is not the name of an attribute", hint=_FORMS)
    is_file = file is not None or os.sep in source
    if not is_file and not all(source.split(".")):
        raise TargetError(
            f"{source!r} is not the name of a module", hint="it is a full name, such as package.module"
        )
    return _Target(source, is_file, name or None, bool(parenthesis))


def _current_folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # It was deleted; installed modules can be served all the same.
        return None


def make_importable(folder: str) -> None:
    """Put a folder at the front of ``sys.path``, and see what has lately been made in it."""
    if sys.path[:1] != [folder]:
        sys.path.insert(0, folder)
    # The folder may have been listed, and a module found missing, before a file was made in it.
    importlib.invalidate_caches()


def _import_file(target: _Target) -> ModuleType:
    path = os.path.abspath(os.path.expanduser(target.source))
    if not os.path.isfile(path):
        raise _no_file(path, target)
    folder, filename = os.path.split(path)
    if not filename.endswith(".py"):
        raise TargetError(f"{target.source!r} is not a Python file (*.py)", hint=_FORMS)
    parts = [filename.removesuffix(".py")]
    if "." in parts[0]:
        raise TargetError(
            f"{filename!r} cannot be imported: there is a dot in its name", hint="rename the file"
        )
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    name = ".".join(parts)
    make_importable(folder)
    module = _import(name, target)
    origin = getattr(module, "__file__", None)
    if origin is None or not os.path.samefile(origin, path):
        raise TargetError(
            f"{target.source!r} cannot be imported: another module has its name, {name!r} ({origin or 'built in'})",
            hint="rename the file",
        )
    return module


def _import(name: str, target: _Target) -> ModuleType:
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as error:
        # Their code importing a module that is missing is not a bad target. It has frames; the target has none.
        is_target = error.name is not None and f"{name}.".startswith(f"{error.name}.")
        if is_target and not has_application_frames(error):
            raise _no_module(name, error.name or name, target) from None
        raise _import_failed(name, error) from error
    except BaseException as error:
        raise _import_failed(name, error) from error


def _find(module: ModuleType, target: _Target) -> tuple[str, Any]:
    """The attribute's dotted name and its value."""
    if target.attribute is None:
        for default in DEFAULT_ATTRIBUTES:
            try:
                value = _attribute(module, default)
            except AttributeError:
                continue
            # A package has its imported submodules as attributes: pkg/app.py is not the application.
            if not inspect.ismodule(value):
                return default, value
        raise _no_attribute(module, module, " or ".join(map(repr, DEFAULT_ATTRIBUTES)), "", target)
    value, path = module, ""
    for part in target.attribute.split("."):
        try:
            inner = _attribute(value, part)
        except AttributeError:
            raise _no_attribute(module, value, repr(part), path, target) from None
        value, path = inner, f"{path}.{part}".lstrip(".")
    return path, value


def _attribute(owner: Any, name: str) -> Any:
    """``getattr``, where properties and a module's ``__getattr__`` may run their code, and fail."""
    try:
        return getattr(owner, name)
    except AttributeError:
        raise
    except Exception as error:
        shown = application_traceback(error)
        raise TargetError(f"looking up {name!r} failed: {summary(error)}", traceback=shown) from error


def _call_factory(name: str, factory: Any, arguments: Sequence[Any]) -> Any:
    if not callable(factory):
        raise TargetError(f"{name!r} cannot be called: it is {describe(factory)}", hint="leave the () out")
    if not accepts(factory, len(arguments)):
        raise TargetError(
            f"the factory {name!r} takes arguments: {name}{inspect.signature(factory)}",
            hint="write a function without arguments that calls it with them, and name that",
        )
    try:
        app = factory(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise TargetError(
            f"the factory {name}() failed: {summary(error)}",
            hint=_exit_hint(error),
            traceback=application_traceback(error),
        ) from error
    if app is None:
        raise TargetError(f"the factory {name}() returned None", hint="does it end with 'return app'?")
    if inspect.iscoroutine(app):
        app.close()  # It never runs: without this Python would warn about it later, elsewhere.
        raise TargetError(
            f"the factory {name!r} is asynchronous: calling it makes a coroutine, not an application",
            hint="make it a plain 'def', and do what must be awaited in the lifespan start-up",
        )
    return app


def _check_not_factory(name: str, value: Any, target: _Target) -> None:
    """A function or class that takes nothing cannot be an application, but may be meant to be called."""
    if not (inspect.isroutine(value) or inspect.isclass(value)) or not looks_like_factory(value):
        return
    if inspect.iscoroutinefunction(value):
        hint = "an ASGI application is: async def app(scope, receive, send)"
    else:
        hint = f"if it makes the application, add (): yett '{target.source}:{name}()'"
    raise TargetError(
        f"{describe(value)} is not an application: it can be called without arguments", hint=hint
    )


def _not_callable(name: str, value: Any, target: _Target) -> TargetError:
    hint = f"name the application itself, or a factory of it: {target.source}:create_app()"
    if inspect.ismodule(value):
        hint = f"try: yett {value.__name__}"
    elif inspect.iscoroutine(value):
        value.close()
        hint = "a coroutine function was called there: the application is the function, not the call"
    origin = f"what {name}() returned" if target.is_factory else repr(name)
    return TargetError(f"{origin} is not an application: it is {describe(value)}, not callable", hint=hint)


def _no_module(name: str, missing: str, target: _Target) -> TargetError:
    parent_name, _, last = missing.rpartition(".")
    parent = sys.modules.get(parent_name) if parent_name else None
    if parent is not None and not hasattr(parent, "__path__"):
        is_attribute = hasattr(parent, last) and missing == name
        return TargetError(
            f"no module named {missing!r} ({parent_name!r} is a module, not a package)",
            hint=f"with a colon it is an attribute: yett {parent_name}:{last}" if is_attribute else None,
        )
    if parent is not None:
        near, here, elsewhere = suggest.near(last, suggest.submodules(parent)), {}, []
    else:
        folder = _current_folder() or os.curdir
        here = suggest.modules_in(folder)
        near = suggest.near(last, here) or suggest.near(last, suggest.installed_modules())
        elsewhere = suggest.folders_with(folder, missing)
    message, suffix = f"no module named {missing!r}", f":{target.attribute}" if target.attribute else ""
    if target.is_factory:
        suffix += "()"
    if near:
        place = f"? there is {here[near[0]]} here" if near[0] in here else "?"
        message += f" (did you mean {suggest.either(near)}{place})"
        better = f"{parent_name}.{near[0]}".lstrip(".") + name[len(missing) :]
        return TargetError(message, hint=f"try: yett {_quoted(better + suffix)}")
    if elsewhere:
        return TargetError(
            f"{message} here (there is {elsewhere[0]})", hint=f"try: yett {_quoted(elsewhere[0] + suffix)}"
        )
    if parent is not None:
        return TargetError(message, hint=f"the package is in {next(iter(parent.__path__), '?')}")
    return TargetError(
        message, hint=f"modules are looked for in {_current_folder() or 'sys.path'} and in {sys.prefix}"
    )


def _import_failed(name: str, error: BaseException) -> TargetError:
    shown = application_traceback(error)
    if isinstance(error, SystemExit):
        message = f"importing {name!r} ended the program: SystemExit({error.code!r})"
    elif isinstance(error, SyntaxError):
        message = f"{type(error).__name__} in {error.filename or name}, line {error.lineno}: {error.msg}"
    else:
        message = f"importing {name!r} failed: {summary(error)}"
    hint = _exit_hint(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        hint = f"is {error.name.partition('.')[0]!r} installed for this Python, {sys.executable}?"
    elif isinstance(error, ImportError) and "no known parent package" in str(error):
        hint = "the file's folder is no package: put an __init__.py into it, or name the target as package.module"
    return TargetError(message, hint=hint, traceback=shown)


def _exit_hint(error: BaseException) -> str | None:
    if isinstance(error, SystemExit):
        return "a module that is served must not exit: guard that with  if __name__ == '__main__':"
    return None


def _no_attribute(module: ModuleType, owner: Any, wanted: str, path: str, target: _Target) -> TargetError:
    where = f"module {module.__name__!r}" if owner is module else f"{path!r} in module {module.__name__!r}"
    message = f"{where} has no attribute {wanted}"
    if target.attribute is not None:
        similar = suggest.near(
            wanted.strip("'"), [known for known in dir(owner) if not known.startswith("_")]
        )
        if similar:
            message += f" (did you mean {suggest.either(similar)}?)"
    applications = suggest.applications(module)
    modules = suggest.usual_submodules(module)
    hint = None
    if applications:
        hint = f"what looks like an application there: {', '.join(applications)}"
        hint += f"; try: yett {_quoted(f'{target.source}:{applications[0]}')}"
    elif modules:
        hint = f"the package has modules in which it may be: try: yett {modules[0]}"
    elif target.attribute is None:
        hint = f"name it: yett {target.source}:attribute"
    return TargetError(message, hint=hint)


def _no_file(path: str, target: _Target) -> TargetError:
    folder, filename = os.path.split(path)
    shown_folder = os.path.dirname(target.source)
    suffix = f":{target.attribute}" if target.attribute else ""
    if os.path.isdir(path):
        files = suggest.files_in(path, ".py")
        hint = f"name a file in it, such as {target.source.rstrip('/')}/{files[0]}" if files else _FORMS
        return TargetError(f"{target.source!r} is a folder, not a Python file", hint=hint)
    if not os.path.isdir(folder):
        return TargetError(f"no file {target.source!r}: there is no folder {shown_folder!r}", hint=_FORMS)
    near = suggest.near(filename.removesuffix(".py") + ".py", suggest.files_in(folder, ".py"))
    if os.path.isfile(path + ".py"):
        near = [filename + ".py"]
    if near:
        better = os.path.join(shown_folder, near[0]) + suffix
        return TargetError(
            f"no file {target.source!r} (did you mean {suggest.either(near)}?)",
            hint=f"try: yett {_quoted(better)}",
        )
    return TargetError(
        f"no file {target.source!r} in {_current_folder() or 'the current folder'}", hint=_FORMS
    )


def _quoted(target: str) -> str:
    """A factory's parentheses mean something to a shell."""
    return f"'{target}'" if "(" in target or " " in target else target
