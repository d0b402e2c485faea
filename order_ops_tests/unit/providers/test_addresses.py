"""Files by address: copied whole, within the limit, or refused with what to do."""

import traceback
from pathlib import Path
from urllib.parse import quote, quote_plus

import fsspec
import pytest

from order_ops.providers.addresses import AddressError, local_file, shown

TOLD: list[tuple[str, int, int | None]] = []


def tell(*told: object) -> None:
    TOLD.append(told)  # type: ignore[arg-type]


def stored(name: str, body: bytes) -> str:
    address = f"memory://reports/{name}"
    fsspec.filesystem("memory").pipe(f"/reports/{name}", body)
    return address


def test_a_file_is_copied_under_its_name_and_the_copy_goes() -> None:
    TOLD.clear()
    body = bytes(3 << 20)
    address = stored("march 1.csv", body)
    with local_file(address, 4 << 20, tell) as path:
        assert (path.name, path.read_bytes()) == ("march 1.csv", body)
    assert not path.exists()
    assert TOLD[-1] == (address, 3 << 20, 3 << 20)
    assert len(TOLD) == 3


def test_a_file_larger_than_the_limit_is_refused() -> None:
    words = "is larger than 1 MB; .*raise ORDER_OPS_FILE_LIMIT_MB"
    address = stored("large.csv", bytes((1 << 20) + 1))
    with pytest.raises(AddressError, match=words), local_file(address, 1 << 20, tell):
        pass


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("memory://reports/none.csv", "memory://reports/none.csv: there is no such file"),
        ("memory://reports", "names no file"),
        ("ftq://host/a.csv", "Protocol not known: ftq; order_ops takes paths, and"),
        ("s3://bucket/a.csv", "Install s3fs .*; install it beside order_ops"),
        ("gs://bucket/a.csv", "gcsfs .*; install it beside order_ops"),
    ],
)
def test_what_cannot_be_had_is_said(
    address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("s3fs", "gcsfs"):  # as on a machine that has neither
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(AddressError, match=words), local_file(address, 1 << 20, tell):
        pass


def test_what_is_secret_in_an_address_is_not_shown() -> None:
    assert shown("https://me:pass@host/a/b.csv?sig=secret#x") == "https://host/a/b.csv"
    address = "ftq://me:pass@host/a.csv?sig=secret"
    with pytest.raises(AddressError) as refused, local_file(address, 1, tell):
        pass
    assert "pass@" not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("secret", ["se cret+/=&%", "aws4-signature"])
def test_what_is_secret_is_not_told_however_it_is_written(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that encodes the address anew, and says it in its error."""
    forms = [secret, quote(secret), quote(secret, safe=""), quote_plus(secret)]

    def refuses(*_: object, **__: object) -> None:
        raise OSError(f"403 for url {forms} https://me:{forms[2]}@host/a.csv?sig={forms[3]}")

    monkeypatch.setattr(fsspec, "open", refuses)
    address = f"https://me:{quote(secret, safe='')}@host/a.csv?sig={quote_plus(secret)}"
    with pytest.raises(AddressError, match="403 for url") as refused, local_file(address, 1, tell):
        pass
    told = "".join(traceback.format_exception(refused.value))
    assert not [form for form in forms if form in told]


def test_an_error_in_reading_is_not_one_of_the_address(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x")
    with pytest.raises(KeyError), local_file(f"file://{path}", 10, tell):
        raise KeyError("of the reader")
