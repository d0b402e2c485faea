"""Names of fields whose value is sensitive whatever it is: secrets, cards, people."""

from functools import lru_cache
from re import sub

_WORDS = frozenset({
    "password", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "authorization",
    "cookie", "apikey", "credentials", "cvv", "cvv2", "cvc", "cvc2", "csc", "pan", "cpf", "cnpj",
    "ssn", "passport", "email", "mail", "phone", "telephone", "mobile", "whatsapp", "birth",
    "birthday", "birthdate", "birthplace", "dob", "street", "zipcode", "nome", "telefone",
    "celular", "endereco", "nascimento", "documento",
})  # fmt: skip
"""A key is sensitive that has one of these words in it."""

_NAMES = frozenset({
    "name", "first_name", "last_name", "full_name", "middle_name", "given_name", "family_name",
    "surname", "nickname", "customer_name", "buyer_name", "holder_name", "holder", "card_holder",
    "cardholder", "cardholder_name", "card_holder_name", "account_holder", "address",
    "addresses", "shipping_address", "billing_address", "address_line1", "address_line2",
    "document", "document_number", "doc_number", "tax_id", "rg", "zip", "postal_code",
    "zip_code", "api_key", "private_key", "card_number", "cardnumber", "security_code",
    "track_data",
})  # fmt: skip
"""A key is sensitive that is one of these."""


def is_sensitive(key: str) -> bool:
    """Whether what has this name is sensitive: `customerEmail`, `card-number`, `CVV`."""
    return _is_sensitive(key[:100])


@lru_cache(maxsize=4096)
def _is_sensitive(key: str) -> bool:
    plain = sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()
    parts = [part for part in sub(r"[^a-z0-9]+", "_", plain).split("_") if part]
    return "_".join(parts) in _NAMES or not _WORDS.isdisjoint(parts) or key.lower() in _NAMES
