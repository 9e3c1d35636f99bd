"""Finds functions and classes in source text by their header line and indentation (Python, Go, JavaScript, TypeScript)."""
import re
from dataclasses import dataclass

HEADERS = [
    ('function', 'python', re.compile(r'^[ \t]*(?:async )?def (\w+)\(.*:$', re.M)),
    ('class', 'python', re.compile(r'^[ \t]*class (\w+)\b.*:$', re.M)),
    ('function', 'go', re.compile(r'^func (?:\([^)]*\) )?(\w+)\(.*\{$', re.M)),
    ('type', 'go', re.compile(r'^type (\w+) (?:struct|interface) \{$', re.M)),
    ('function', '', re.compile(r'^[ \t]*(?:export )?(?:default )?(?:async )?function\*? (\w+)\b.*\{$', re.M)),
    ('class', '', re.compile(r'^[ \t]*(?:export )?(?:default )?(?:abstract )?class (\w+)\b.*\{$', re.M)),
]
TYPED = re.compile(r'^\s*(?:export )?(?:interface|type) \w+|: (?:string|number|boolean|void|any)\b', re.M)
LANGUAGE_NAMES = {'python': 'Python', 'go': 'Go', 'typescript': 'TypeScript', 'javascript': 'JavaScript'}


@dataclass(frozen=True)
class Block:
    kind: str  # function, class or type
    name: str
    language: str  # key of LANGUAGE_NAMES
    start: int  # of the header line
    body: int  # first character after the header line
    end: int  # after the last character of the block, without the newline


def indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(' \t'))


def block_end(text: str, start: int, language: str) -> int:
    """End of the indented block whose header line begins at `start`; a closing line of the header's indent belongs to it."""
    lines = text[start:start + 6000].split('\n')
    base, position, end = indent_of(lines[0]), len(lines[0]) + 1, len(lines[0])
    for line in lines[1:]:
        if line.strip():
            if indent_of(line) <= base:
                closing = language != 'python' and line.lstrip()[:1] in ('}', ')')
                return start + (position + len(line) if closing else end)
            end = position + len(line)
        position += len(line) + 1
    return start + end


def is_whole(code: str) -> bool:
    """Brackets and triple quotes come in pairs: says no to a piece that was cut inside a string or a call."""
    return all(code.count(a) == code.count(b) for a, b in ('()', '[]', '{}')) and not any(code.count(q) % 2 for q in ('"""', "'''", '`'))


def language_of(text: str) -> str:
    """Of a whole file; guesses from the headers that are in it, TypeScript from type annotations."""
    if re.search(r'^package \w+$', text, re.M):
        return 'go'
    if any(p.search(text) for _, language, p in HEADERS if language == 'python'):
        return 'python'
    return 'typescript' if TYPED.search(text) else 'javascript'


def find_blocks(text: str) -> list[Block]:
    """All blocks of the file in the order of their headers."""
    language = language_of(text)
    found = []
    for kind, header_language, pattern in HEADERS:
        if (header_language or language) != language:
            continue
        for m in pattern.finditer(text):
            found.append(Block(kind, m[1], language, m.start(), m.end() + 1, block_end(text, m.start(), language)))
    return sorted(found, key=lambda b: b.start)


def top_level_ends(text: str, start: int, limit: int) -> list[int]:
    """Ends of top-level pieces after `start`: before a blank line that an unindented line follows."""
    ends = [start + m.start() for m in re.finditer(r'\n[ \t]*\n+(?=[^\s})\]])', text[start:start + limit])]
    return ends + ([len(text.rstrip())] if len(text.rstrip()) <= start + limit else [])
