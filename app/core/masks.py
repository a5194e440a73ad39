"""Personal data made showable: 林**, 183****2807, province to district kept."""

from __future__ import annotations

import re

from app.core.order import Consignee

_DISTRICT = re.compile(
    r"^\s*(?P<province>[^省市区县]{2,10}?(?:省|自治区|特别行政区)|北京市?|上海市?|天津市?|重庆市?)?"
    r"(?P<city>[^省市区县]{1,10}?(?:市|自治州|地区|盟))?"
    r"(?P<district>[^省市区县路街]{1,10}?(?:区|县|旗|市))?"
)


_NOT_DIGITS = re.compile(r"\D")


def name(full: str) -> str:
    """The first character and two stars, whatever the length: 林**."""
    full = full.strip()
    return full[0] + "**" if full else ""


#: A platform's own mask, like 1********20 or 138****2807: it shows seven digits at most.
_MASK = re.compile(r"(?=.{6,20}$)(?=\D*(?:\d\D*){0,7}$)[0-9]*\*{4,}[0-9]*")


#: In front of a mobile number; what begins with 0 is a landline and keeps it.
_COUNTRY = re.compile(r"^(?:00)?86(?=1\d{10}$)")


def phone(full: str) -> str:
    """First three (of a landline the area code) and last four digits; short numbers show four at most.

    What a platform has masked already is shown as it masks it.
    """
    digits = full if full.isdecimal() else _NOT_DIGITS.sub("", full)
    if "****" in full and _MASK.fullmatch(full):
        return full
    if len(digits) > 11:
        digits = _COUNTRY.sub("", digits)
    if len(digits) in (11, 12) and digits.startswith("0"):
        return f"{digits[:-8]}****{digits[-4:]}"
    if len(digits) >= 11:
        return f"{digits[:3]}****{digits[-4:]}"
    if len(digits) >= 7:
        return f"{'*' * (len(digits) - 4)}{digits[-4:]}"
    return "*" * len(digits)


_PHONE = re.compile(r"(?<!\d)(?:(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}|0\d{2,3}[- ]?\d{7,8})(?!\d)")


def phones_in(text: str) -> str:
    """Somebody's own words with the phone numbers in them masked: couriers write their driver's and the buyer's."""
    return _PHONE.sub(lambda found: phone(found.group()), text)


def split_address(full: str) -> tuple[str, str, str, str]:
    """(province, city, district, rest) of a Chinese address, empty where it does not say."""
    match = _DISTRICT.match(full)
    if match is None:
        return "", "", "", full.strip()
    province, city, district = match.groups(default="")
    return province, city, district, full[match.end() :].strip()


def consignee(full: Consignee) -> Consignee:
    """The consignee as everyone may see it: street and number are stars."""
    province, city, district, rest = full.province, full.city, full.district, full.address
    if not (province or city or district):
        province, city, district, rest = split_address(full.address)
    return Consignee(
        name=name(full.name),
        phone=phone(full.phone),
        province=province,
        city=city,
        district=district,
        address="****" if rest else "",
    )
