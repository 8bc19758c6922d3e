# SPDX-License-Identifier: MIT
"""Reads the declarations of a header and the contracts (`///`) above them.

It reads no C++ but this project's way of writing it: a contract stands above its declarations, and holds for all of
them until the next empty line, the next comment, or a declaration with a remark of its own; a remark (`///<`) stands behind
what it describes; `// --- Title ---` heads a group of members; the comment at the top of a file is its introduction.
"""

import re
from dataclasses import dataclass, field

TYPE_HEAD = re.compile(
    r"^(?:template\s*<.*>\s*)?(?:class|struct|union|enum(?:\s+class|\s+struct)?)\s+(?:\[\[\w+\]\]\s*)?([\w:]+)", re.S)
NAMESPACE = re.compile(r"^(?:inline\s+)?namespace\s+([\w:]*)$")
ACCESS = re.compile(r"(public|protected|private)\s*:(?!:)")
TITLE = re.compile(r"-{3,}\s*(.*?)\s*-{3,}$")
PAIRS = {"{": "}", "(": ")", "[": "]"}


@dataclass
class Declaration:
    """One declaration without its body; a type has members."""

    text: str
    remark: list = field(default_factory=list)  # `///<`
    members: list = None
    name: str = ""


@dataclass
class Group:
    """Declarations under one contract. Or a title and nothing else."""

    contract: list = field(default_factory=list)
    declarations: list = field(default_factory=list)
    title: str = ""


def skip_literal(text, at):
    """The index behind the string or character literal that begins at `at`."""
    quote, at = text[at], at + 1
    while text[at] != quote:
        at += 2 if text[at] == "\\" else 1
    return at + 1


def skip_balanced(text, at):
    """The index behind the bracket that closes the one at `at`."""
    closing, at = PAIRS[text[at]], at + 1
    while text[at] != closing:
        at = step(text, at)
    return at + 1


def step(text, at):
    """The index behind the literal, comment, bracketed text or single character at `at`."""
    if text[at] == '"' or (text[at] == "'" and not text[at - 1].isalnum()):
        return skip_literal(text, at)
    if text.startswith("//", at):
        end = text.find("\n", at)
        return len(text) if end < 0 else end
    return skip_balanced(text, at) if text[at] in PAIRS else at + 1


def without_comments(text):
    kept, at = [], 0
    while at < len(text):
        end = step(text, at)
        comment = text.startswith("//", at)
        inner = text[at + 1 : end - 1]
        if text[at] in PAIRS:
            kept.append(text[at] + without_comments(inner) + text[end - 1])
        else:
            kept.append(" " if comment or text[at].isspace() else text[at:end])
        at = end
    return re.sub(r"\s+", " ", "".join(kept)).strip()


class Reader:
    """Reads the members of one scope."""

    def __init__(self, text, scope=None):
        self.text, self.at, self.scope = text, 0, scope
        self.visible = not (scope or "").startswith("class")
        self.groups, self.group, self.last = [], None, None

    def end_group(self):
        self.group = None

    def run(self):
        while self.at < len(self.text):
            self.take()
        return [g for g in self.groups if g.title or g.declarations]

    def take(self):
        text, at = self.text, self.at
        if text[at].isspace():
            end = at + len(text[at:]) - len(text[at:].lstrip())
            if text.count("\n", at, end) > 1:
                self.end_group()
            self.at = end
        elif text.startswith("///<", at):
            self.take_remark()
        elif text.startswith("//", at):
            self.take_comment()
        elif text[at] == "#":
            self.at = re.compile(r"(?:.*\\\n)*.*").match(text, at).end()
            self.end_group()
        elif text[at] in ";,":
            self.at += 1
        elif access := ACCESS.match(text, at):
            self.visible = access[1] == "public"
            self.at = access.end()
            self.end_group()
        else:
            self.take_declaration()

    def take_line(self):
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        line, self.at = self.text[self.at : end], end
        return line

    def take_remark(self):
        self.last.remark.append(self.take_line()[4:].strip())
        if self.group and self.group.contract and len(self.group.declarations) > 1:
            self.group.declarations.pop()
            self.open_group()
            self.group.declarations.append(self.last)

    def take_comment(self):
        line = self.take_line()
        if line.startswith("///"):
            if self.group is None or self.group.declarations:
                self.open_group()
            self.group.contract.append(line[3:])
            return
        self.end_group()
        title = TITLE.search(line)
        if title and title[1] and self.visible:
            self.groups.append(Group(title=title[1]))

    def open_group(self):
        self.group = Group()
        if self.visible:
            self.groups.append(self.group)

    def take_declaration(self):
        text, begin = self.text, self.at
        enumerator = (self.scope or "").startswith("enum")
        at = begin
        while at < len(text) and (text[at] not in (",;" if enumerator else ";{") or initializes_member(text[begin:at])):
            if enumerator and text.startswith("//", at):
                break
            at = step(text, at)
        head = without_comments(text[begin:at])
        if at < len(text) and text[at] == "{":
            end = skip_balanced(text, at)
            body = text[at + 1 : end - 1]
            if NAMESPACE.match(head):
                return self.take_namespace(head, body, end)
            if TYPE_HEAD.match(head) and "(" not in without_angles(head):
                return self.add(Declaration(head, members=Reader(body, scope_of(head)).run()), end)
            if is_variable(head):
                initial = without_comments(text[at:end])
                return self.add(Declaration(f"{head}{initial};"), end)
            return self.add(Declaration(f"{without_initializers(head)};"), end)
        self.add(Declaration(head if enumerator else f"{head};"), at)

    def take_namespace(self, head, body, end):
        self.at = end
        self.end_group()
        if NAMESPACE.match(head)[1].split("::")[-1] not in ("", "detail"):
            self.groups += Reader(body, "namespace").run()

    def add(self, declaration, end):
        self.at = end
        if self.group is None:
            self.open_group()
        self.last = declaration
        declaration.name = name_of(declaration)
        self.group.declarations.append(declaration)


def scope_of(head):
    return re.sub(r"^template\s*<.*?>\s*(?=class|struct|enum)", "", head)


def initializes_member(head):
    """Whether a brace behind `head` is one of a constructor's initializers: `thing(int size) : size_`."""
    return re.search(r"\)\s*(?:noexcept\s*)?:\s.*\w$", head, re.S) is not None


def without_angles(text):
    while (shorter := re.sub(r"<[^<>]*>", "", text)) != text:
        text = shorter
    return text


def is_variable(head):
    return "operator" not in head and "(" not in without_angles(head)


def without_initializers(head):
    """A function's head without what a constructor has between `)` and its body."""
    at = 0
    while at < len(head):
        if head[at] == ":" and head[at - 1] in " )" and head[at + 1] == " " and ")" in head[:at]:
            return head[:at].rstrip()
        at = step(head, at)
    return head


def name_of(declaration):
    """What a heading calls it."""
    text = declaration.text
    if declaration.members is not None or TYPE_HEAD.match(text):
        found = TYPE_HEAD.match(text)
        return found[1] if found else text
    if "operator" in text:
        return "operator" + text.split("operator", 1)[1].split("(", 1)[0].rstrip()
    text = without_angles(text)
    call = re.search(r"(~?\w+)\s*\(", text)
    if call and "=" not in text[: call.start()]:
        return call[1]
    return re.split(r"[={;\[]", text)[0].split()[-1]


def introduction(text):
    """The comment at the top of a file, without the licence."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        if "SPDX-License-Identifier" not in line:
            lines.append(line[2:])
    return lines


def read_header(text):
    body = "\n".join(text.splitlines()[len(introduction(text)) :])
    groups = Reader(body + "\n", "namespace").run()
    return [g for g in groups if g.contract or any(is_told(d) for d in g.declarations)]


def is_told(declaration):
    """Whether something is said of one of its members."""
    groups = declaration.members or []
    return any(g.contract or any(d.remark for d in g.declarations) for g in groups)
