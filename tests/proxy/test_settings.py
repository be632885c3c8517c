"""Who is trusted is said in words that are checked before anything is served."""

from pathlib import Path

import pytest

from support.command import run_yett


@pytest.mark.parametrize(
    ("option", "value", "advice"),
    [
        ("--trusted-proxies", "10.0.0.1/8", "write 10.0.0.0/8"),
        ("--trusted-proxies", "127.0.0.1,2001:db8::1/32", "write 2001:db8::/32"),
        ("--trusted-proxies", "127.0.0.1 unxi", "did you mean 'unix'"),
        ("--trusted-proxies", "proxy.internal", "neither an address nor a network"),
        ("--trusted-proxies", "localhost", "127.0.0.0/8,::1"),
        ("--trusted-proxies", "off", "write none"),
        ("--trusted-proxies", "none,unix", "stands alone"),
        ("--forwarded-headers", "x-forwarded-prot", "did you mean 'x-forwarded-proto'"),
    ],
)
def test_mistakes_say_what_to_write(tmp_path: Path, option: str, value: str, advice: str) -> None:
    (tmp_path / "app.py").write_text("async def app(scope, receive, send): ...\n")
    done = run_yett("app:app", option, value, cwd=tmp_path)
    assert done.returncode == 2
    assert option in done.stderr
    assert advice in done.stderr
