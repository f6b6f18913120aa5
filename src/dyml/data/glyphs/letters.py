"""Which script and which letter, or series of letters, a character belongs to."""

import re
import unicodedata

_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "HEBREW", "ARABIC")

# Words of a character's name that tell a form of a letter, not the letter.
_FORMS = (
    *("LATIN", "GREEK", "CYRILLIC", "HEBREW", "ARABIC", "LETTER", "SYMBOL", "MODIFIER", "CAPITAL", "SMALL"),
    *("SUBSCRIPT", "SUPERSCRIPT", "EPIGRAPHIC", "SANS-SERIF", "INSULAR", "LUNATE", "ARCHAIC", "TAILLESS"),
    *("TURNED", "REVERSED", "INVERTED", "ROTATED", "SIDEWAYS", "STRETCHED", "BARRED", "DOTLESS", "WIDE"),
    *("TOP", "BOTTOM", "HALF", "LONG", "FINAL", "ISOLATED", "INITIAL", "MEDIAL", "FORM", "DIALECT-P"),
)

# Letters of one shape, or nearly: the first word names the series. A letter not listed is its own series.
_SERIES = {
    "latin": (
        "U U-BAR UE DIAERESIZED-U|G SCRIPT-G|OE LIGATURE-OE OO OI|AV AA AO AU AY|ENG HENG|GAMMA RAMS-HORN|"
        "K KRA|R YR|THORN WYNN|EZH YOGH LEZH|OPEN-E CLOSED-OPEN-E|ESH SQUAT-ESH ESH-LOOP|L BROKEN-L|"
        "GLOTTAL-STOP PHARYNGEAL-VOICED-FRICATIVE|ligatures DZ-DIGRAPH DEZH-DIGRAPH TS-DIGRAPH TESH-DIGRAPH "
        "TC-DIGRAPH FENG-DIGRAPH LS-DIGRAPH LZ-DIGRAPH DB-DIGRAPH QP-DIGRAPH"
    ),
    "greek": "SIGMA DOTTED-SIGMA|DELTA LAMDA|PHI PSI|ZETA XI STIGMA|CHI KAPPA KAI|UPSILON NU",
    "cyrillic": (
        "BE VE HARD-SIGN SOFT-SIGN YERU YAT SEMISOFT-SIGN NEUTRAL-YER|GHE|DE EL DZZE EL-MIDDLE LJE KOMI-LJE "
        "SOFT-DE SOFT-EL|TSHE DJE SHHA|KOMI-DE KOMI-DJE|IE UKRAINIAN-IE IOTIFIED-E ABKHASIAN-CHE|ZHE DZHE|"
        "ZE E KSI ABKHASIAN-DZE KOMI-ZJE KOMI-DZJE|I SHORT-I|KA BASHKIR-KA ALEUT-KA|EM SOFT-EM|EN NJE "
        "KOMI-NJE LIGATURE-EN-GHE|O BARRED-O EF YU FITA MONOCULAR-O|TSE SHA SHCHA|CHE KHAKASSIAN-CHE|"
        "TE LIGATURE-TE-TSE TWE|U STRAIGHT-U SHORT-U|OMEGA ROUND-OMEGA BROAD-OMEGA OT|YUS LITTLE-YUS BIG-YUS "
        "IOTIFIED-LITTLE-YUS IOTIFIED-BIG-YUS BLENDED-YUS YA IOTIFIED-A"
    ),
    "hebrew": (
        "ALEF AYIN TSADI ALTERNATIVE-AYIN|BET KAF PE|GIMEL NUN|DALET RESH|HE HET TAV|LAMED QOF|"
        "SAMEKH MEM TET|VAV ZAYIN YOD LIGATURE-YIDDISH-DOUBLE-VAV LIGATURE-YIDDISH-DOUBLE-YOD "
        "LIGATURE-YIDDISH-VAV-YOD"
    ),
    "arabic": (
        "BEH TEH THEH PEH TTEH TTEHEH TEHEH BEEH BEHEH PEHEH|JEEM HAH KHAH TCHEH NYEH DYEH TCHEHEH|"
        "DAL THAL DDAL DAHAL DDAHAL DUL|REH ZAIN RREH JEH|SEEN SHEEN|SAD DAD|TAH ZAH|AIN GHAIN|"
        "FEH QAF VEH|KAF KEHEH GAF NG GUEH NGOEH|NOON NOON-GHUNNA|HEH TEH-MARBUTA|WAW MEEM U OE YU|"
        "YEH ALEF-MAKSURA FARSI-YEH E HIGH-HAMZA-YEH"
    ),
}
_SERIES_OF = {
    script: {name: series.split()[0] for series in table.split("|") for name in series.split()}
    for script, table in _SERIES.items()
}


def letter(code: int) -> tuple[str, str] | None:
    """Return (script, letter or series) of a letter, or None for any other character.

    >>> letter(ord("Á")), letter(ord("ﬁ")), letter(ord("+"))
    (('latin', 'A'), ('latin', 'ligatures'), None)
    """
    name = unicodedata.name(chr(code), "")
    if name.startswith("CANADIAN SYLLABICS "):
        return "canadian syllabics", _syllable_series(name)
    if name.startswith("BRAILLE PATTERN "):
        return "braille", f"{bin(code & 0xFF).count('1')} dots"
    if name.startswith("GEORGIAN "):
        return "georgian", _georgian_case(code)
    if name.startswith("ARMENIAN "):
        return "armenian", _armenian_case(name)
    if name.startswith("LAO "):
        return "lao", _lao_kind(name)
    if "ARABIC-INDIC DIGIT" in name:
        return "arabic", "digits"
    return _alphabetic(chr(code))


def _alphabetic(character: str) -> tuple[str, str] | None:
    if unicodedata.category(character)[0] != "L":
        return None
    bases = [c for c in unicodedata.normalize("NFKD", character) if unicodedata.category(c)[0] == "L"]
    names = [unicodedata.name(base) for base in bases]
    script = _script(names[0]) if names else None
    if script is None:
        return None
    if script == "latin" and len(bases) > 1:
        return script, "ligatures"
    series = _letter_name(names[0])
    return script, _SERIES_OF[script].get(series, series)


def _script(name: str) -> str | None:
    said = next((script.lower() for script in _SCRIPTS if script in name.split()), None)
    # Names such as TURNED CAPITAL F and MODIFIER LETTER GLOTTAL STOP leave the script unsaid.
    unsaid = re.match(r"MODIFIER LETTER |(TURNED|ROTATED|REVERSED) (SANS-SERIF )?(CAPITAL|SMALL) ", name)
    return "latin" if said is None and unsaid else said


def _letter_name(name: str) -> str:
    words = [word for word in name.split(" WITH ")[0].split() if word not in _FORMS]
    return "-".join(words) or "other"


def _syllable_series(name: str) -> str:
    words = name.removeprefix("CANADIAN SYLLABICS ").split()
    if "FINAL" in words:
        return "finals"
    consonants = re.match(r"[^AEIOU]*", words[-1].split("-")[-1])
    series = consonants.group(0) if consonants else ""
    # The dot of W is a small mark beside the syllable; the large shape is the series.
    series = series[:-1] if len(series) > 1 and series.endswith("W") else series
    if words[0] in ("CARRIER", "BLACKFOOT", "SAYISI"):
        return f"{words[0].lower()} {series or 'vowels'}"
    return "vowels" if series in ("", "W") else series


def _georgian_case(code: int) -> str:
    if code >= 0x2D00:
        return "nuskhuri"
    return "asomtavruli" if code < 0x10D0 else "mkhedruli"


def _armenian_case(name: str) -> str:
    if "LETTER" in name:
        return "capitals" if "CAPITAL" in name else "small letters"
    return "ligatures" if "LIGATURE" in name else "marks"


def _lao_kind(name: str) -> str:
    if "DIGIT" in name:
        return "digits"
    return "vowels" if "VOWEL" in name else "consonants"
