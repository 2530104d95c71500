r"""Equations for web pages: the part of LaTeX that our docstrings use, as MathML.

What is not known here raises no error on the page: `formula` then shows the LaTeX itself.
"""

from __future__ import annotations

import re
from html import escape

TOKEN = re.compile(
    r"\\(?:text|operatorname|mathrm)\s*\{[^{}]*\}|\\(?:begin|end)\{[a-z]+\}|\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|[A-Za-z]+|\S",
    re.DOTALL,
)
NAMED = re.compile(r"\\(text|operatorname|mathrm)\s*\{([^{}]*)\}", re.DOTALL)
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "theta": "θ", "eta": "η",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ",
    "psi": "ψ", "omega": "ω", "Delta": "Δ", "Gamma": "Γ", "Sigma": "Σ", "Omega": "Ω", "Phi": "Φ",
}  # fmt: skip
THIN_SPACE = r"\,"
FUNCTIONS = {"sin", "cos", "tan", "arctan", "exp", "log", "ln", "min", "max", "bmod"}
OPERATORS = {
    "cdot": "·", "times": "×", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "to": "→", "in": "∈",
    "approx": "≈", "partial": "∂", "pm": "±", "ldots": "…", "dots": "…", "infty": "∞", "sum": "∑", "prod": "∏",
    "int": "∫", "lfloor": "⌊", "rfloor": "⌋", "circ": "°", "mid": "|", "cup": "∪", "cap": "∩", "propto": "∝",
    "lor": "∨", "bigvee": "⋁", "subseteq": "⊆", "setminus": "∖",
}  # fmt: skip
BREAKS = ("\\quad", "\\qquad")
SPACES = {"quad": "1em", "qquad": "2em", ",": "0.2em", ";": "0.3em", ":": "0.25em", " ": "0.3em", "!": "0em"}
TABLES = {"cases": ("{", "."), "matrix": (".", "."), "pmatrix": ("(", ")"), "bmatrix": ("[", "]")}
ABOVE = {"bar": "¯", "overline": "¯", "hat": "^"}
LIMITS = ("<mo>∑", "<mo>∏", "<mi>min", "<mi>max")


def formula(latex: str) -> str:
    r"""Return `latex` as a ``<math>`` block, or as ``<code>`` where it uses something that is not known here.

    Parts that ``\quad`` or ``\qquad`` holds apart come on lines of their own, so that they fit a page.

    Examples
    --------
    >>> formula(r"\sin^2\theta")
    '<math display="block"><mrow><msup><mi>sin</mi><mn>2</mn></msup><mi>θ</mi></mrow></math>'
    >>> formula(r"\weird{x}")
    '<code>\\weird{x}</code>'
    """
    try:
        tokens = TOKEN.findall(latex)[::-1]
        lines = [_row(tokens, "", *BREAKS)]
        while tokens:
            tokens.pop()
            lines.append(_row(tokens, "", *BREAKS))
    except (ValueError, LookupError):
        return f"<code>{escape(latex)}</code>"
    if len(lines) == 1:
        return f'<math display="block"><mrow>{lines[0]}</mrow></math>'
    rows = "".join(f"<mtr><mtd><mrow>{line}</mrow></mtd></mtr>" for line in lines)
    return f'<math display="block"><mtable displaystyle="true" columnalign="left">{rows}</mtable></math>'


def _row(tokens: list[str], *ends: str) -> str:
    """Take elements until one of `ends` (which stays), or until nothing is left where ``""`` is an end."""
    parts: list[str] = []
    while tokens and tokens[-1] not in ends:
        parts.append(_scripted(tokens))
    if not tokens and "" not in ends:
        raise ValueError(f"expected one of {ends}")
    return "".join(parts)


def _scripted(tokens: list[str]) -> str:
    base = _atom(tokens)
    scripts: dict[str, str] = {}
    while tokens and tokens[-1] in "_^":
        mark = tokens.pop()
        scripts[mark] = _atom(tokens)
    if not scripts:
        return base
    stacked = base.startswith(LIMITS)
    tag = {
        "_": "munder" if stacked else "msub",
        "^": "mover" if stacked else "msup",
        "_^": "munderover" if stacked else "msubsup",
    }["".join(sorted(scripts, key="_^".index))]
    return f"<{tag}>{base}{scripts.get('_', '')}{scripts.get('^', '')}</{tag}>"


def _atom(tokens: list[str]) -> str:
    token = tokens.pop()
    if token == "{":
        inner = _row(tokens, "}")
        tokens.pop()
        return f"<mrow>{inner}</mrow>"
    if token.startswith("\\") and len(token) > 1:
        return _command(token, tokens)
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    if token.isalpha():
        return f"<mi>{token}</mi>"
    if token in "}&^_":
        raise ValueError(f"unexpected {token}")
    # brackets grow only by \left and \right; an exponent behind one would make the pair unequal
    fixed = (
        ' stretchy="false"' if token in "()[]" else ' stretchy="false" lspace="0" rspace="0"' if token == "|" else ""
    )
    return f"<mo{fixed}>{escape({'-': '−', '*': '·'}.get(token, token))}</mo>"


def _command(token: str, tokens: list[str]) -> str:
    if named := NAMED.fullmatch(token):
        tag = "mtext" if named[1] == "text" else "mi"
        # outer blanks of a text are part of the formula; MathML would drop plain ones
        return f"<{tag}>{escape(named[2].replace(THIN_SPACE, ' ')).replace(' ', '&#160;')}</{tag}>"
    name = token[1:]
    if name.startswith("begin"):
        return _table(name.removeprefix("begin{").rstrip("}"), tokens)
    if name in SPACES:
        return f'<mspace width="{SPACES[name]}"/>'
    if name in GREEK or name in FUNCTIONS:
        return f"<mi>{GREEK.get(name, 'mod' if name == 'bmod' else name)}</mi>"
    if name in OPERATORS:
        return f"<mo>{escape(OPERATORS[name])}</mo>"
    if name in "%{}_&#|":
        return f"<mo>{escape(name)}</mo>"
    return _structure(name, tokens)


def _structure(name: str, tokens: list[str]) -> str:
    if name == "frac":
        top = _atom(tokens)
        return f"<mfrac>{top}{_atom(tokens)}</mfrac>"
    if name == "sqrt":
        return f"<msqrt>{_atom(tokens)}</msqrt>"
    if name in ABOVE:
        return f'<mover accent="true">{_atom(tokens)}<mo>{ABOVE[name]}</mo></mover>'
    if name == "left":
        opening = _fence(tokens.pop())
        inner = _row(tokens, "\\right")
        tokens.pop()
        return f"<mrow>{opening}{inner}{_fence(tokens.pop())}</mrow>"
    raise ValueError(f"unknown command {name}")


def _fence(token: str) -> str:
    text = "" if token == "." else OPERATORS.get(token[1:], token[1:]) if token.startswith("\\") else token
    return f'<mo fence="true" stretchy="true">{escape(text)}</mo>' if text else ""


def _table(name: str, tokens: list[str]) -> str:
    end, rows, cells = f"\\end{{{name}}}", [], []
    while True:
        cells.append(_row(tokens, "&", "\\\\", end))
        stop = tokens.pop()
        if stop == "&":
            continue
        rows.append("<mtr>" + "".join(f"<mtd>{cell}</mtd>" for cell in cells) + "</mtr>")
        cells = []
        if stop == end:
            opening, closing = TABLES[name]
            table = f'<mtable columnalign="left">{"".join(rows)}</mtable>'
            return f"<mrow>{_fence(opening)}{table}{_fence(closing)}</mrow>"
