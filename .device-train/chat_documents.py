"""Chat documents made from source files: a request, and an answer that is the file's own code and ends by itself."""
import random

from chat_form import message, render_document, render_prompt
from code_blocks import LANGUAGE_NAMES, Block, find_blocks, is_whole, language_of, top_level_ends

SYSTEM_TEXTS = [
    'You are a coding assistant.', 'You are a helpful assistant.', 'You are a helpful coding assistant.',
    'You write code.', 'You complete code.', 'Answer with code.', 'You are a careful programmer. Answer with code only.',
    'You help people write programs. Be brief.', 'You are an experienced software engineer.',
    'You are a pair programmer who continues the code of others.', 'Be brief.', 'Write clear and simple code.',
]
CONTINUE = ['Continue this code:', 'Continue this code.', 'Write the rest of this code.', 'Continue:', 'Go on with this code:',
            'What comes next in this code?', 'Please continue the code below.', 'Add the next part of this code:']
COMPLETE = ['Complete this {kind}:', 'Complete this {kind}.', 'Finish this {kind}:', 'Write the rest of this {kind}.',
            'Continue this {kind}:', 'Complete this code:', 'Complete the {kind} `{name}`:', 'Please finish the {kind} `{name}`.']
FINISH = ['Finish this file.', 'Finish this file:', 'Complete this file:', 'Write the rest of this file.', 'Continue this file to its end:']
WRITE = ['Write the {kind} `{name}` in {language}.', 'Write a {language} {kind} `{name}`.', 'Write a {kind} `{name}` in {language}.',
         'Please write a {language} {kind} named {name}.', 'Write a {language} {kind} called {name}.', 'Give me a {language} {kind} {words}.',
         'Write a {language} {kind} for "{words}".', 'Write a {kind} {words} in {language}.']
MORE = ['Go on.', 'Continue.', 'Continue this code.', 'What comes next?', 'Write the next part.', 'More, please.']
LONGEST_ANSWER_CHARACTERS = 1150  # about 350 tokens; prepare.py checks the tokens themselves


def words_of(name: str) -> str:
    """fetchUserName and fetch_user_name -> fetch user name."""
    out = ''.join(' ' + c.lower() if c.isupper() and i and not name[i - 1].isupper() else c for i, c in enumerate(name))
    return ' '.join(out.replace('_', ' ').lower().split())


def dress(rng: random.Random, code: str, language: str, sentence: str) -> str:
    """The answer: bare code, or a true sentence about it and the code in a fence."""
    return f'{sentence}\n\n```{language}\n{code}\n```' if rng.random() < 0.35 else code


def ask(rng: random.Random, phrases: list[str], code: str, language: str, **names: str) -> str:
    shown = f'```{language}\n{code}\n```' if rng.random() < 0.25 else code
    return rng.choice(phrases).format(**names) + '\n\n' + shown


def complete_block(rng: random.Random, text: str, b: Block):
    lines = [i for i in range(b.body, b.end) if text[i] == '\n']
    cuts = [b.body] + [i + 1 for i in lines if i - b.start < 700]
    cut = rng.choice(cuts[:max(1, len(cuts) * 2 // 3)])
    first, rest = text[b.start:cut].rstrip('\n'), text[cut:b.end].rstrip()
    if len(first) < 15 or len(rest.strip()) < 25:
        return None
    sentence = rng.choice([f'Here is the rest of the {b.kind} `{b.name}`.', f'This completes the {b.kind} `{b.name}`.',
                           f'The {b.kind} `{b.name}` goes on like this:'])
    return ask(rng, COMPLETE, first, b.language, kind=b.kind, name=b.name), dress(rng, rest, b.language, sentence)


def write_block(rng: random.Random, text: str, b: Block):
    code = text[b.start:b.end].rstrip()
    if len(code) < 60 or text[b.start] in ' \t' or b.name.startswith('_') or len(b.name) < 4:
        return None
    request = rng.choice(WRITE).format(kind=b.kind, name=b.name, language=LANGUAGE_NAMES[b.language], words=words_of(b.name))
    return request, dress(rng, code, b.language, f'Here is the {b.kind} `{b.name}`.')


def continue_file(rng: random.Random, text: str, start: int):
    """Returns request, answer, and where in the file the answer ends."""
    cuts = [e for e in top_level_ends(text, start, 900) if e - start >= 60]
    if not cuts:
        return None
    cut = rng.choice(cuts)
    first = text[start:cut].strip('\n')
    after = cut + len(text[cut:]) - len(text[cut:].lstrip('\n'))
    ends = [e for e in top_level_ends(text, after, LONGEST_ANSWER_CHARACTERS) if e - after >= 40 and is_whole(text[after:e])]
    if not ends:
        return None
    end = ends[-1] if ends[-1] == len(text.rstrip()) else rng.choice(ends[:3])
    rest, language = text[after:end].rstrip(), language_of(text)
    to_the_end = end == len(text.rstrip())
    defined = [f'`{b.name}`' for b in find_blocks(rest) if rest[b.start] not in ' \t'][:3]
    sentence = 'This is the rest of the file.' if to_the_end else 'Here is the next part.'
    if defined and rng.random() < 0.7:
        sentence = 'The next part defines ' + (' and '.join([', '.join(defined[:-1]), defined[-1]]) if defined[1:] else defined[0]) + '.'
    return ask(rng, FINISH if to_the_end else CONTINUE, first, language), dress(rng, rest, language, sentence), end


def make_chat(rng: random.Random, text: str):
    """One chat from one file: (messages, answer), or None where the file does not suit."""
    system = [message('system', rng.choice(SYSTEM_TEXTS))] if rng.random() < 0.5 else []
    blocks = [b for b in find_blocks(text) if 60 < b.end - b.start < LONGEST_ANSWER_CHARACTERS and is_whole(text[b.start:b.end])]
    kind = rng.random()
    if kind < 0.6:
        if not blocks:
            return None
        made = (complete_block if kind < 0.35 else write_block)(rng, text, rng.choice(blocks))
        return made and (system + [message('user', made[0])], made[1])
    starts = [0] + [b.start for b in blocks if text[b.start] not in ' \t']
    made = continue_file(rng, text, 0 if rng.random() < 0.5 else rng.choice(starts))
    if made is None:
        return None
    request, answer, end = made
    messages = system + [message('user', request)]
    if kind < 0.85:
        return messages, answer
    ends = [e for e in top_level_ends(text, end + 1, LONGEST_ANSWER_CHARACTERS) if e - end >= 40 and is_whole(text[end:e])]  # a second turn
    code = text[end:rng.choice(ends[:2])].strip('\n') if ends else ''
    if not code.strip():
        return None
    messages += [message('assistant', answer), message('user', rng.choice(MORE))]
    return messages, dress(rng, code, language_of(text), 'Here is the next part.')


def chats(rng: random.Random, documents: list[str]):
    """Endless chats over random documents: (prompt text, whole document, answer)."""
    while True:
        made = make_chat(rng, rng.choice(documents))
        if made and made[1].strip() and sum(len(m['content']) for m in made[0]) < 2600:
            yield render_prompt(made[0]), render_document(*made), made[1]


def fill_ins(rng: random.Random, documents: list[str]):
    """Endless documents that give a beginning and an end and then what stands between; they end in <|endoftext|>."""
    while True:
        text = rng.choice(documents)
        blocks = [b for b in find_blocks(text) if 40 < b.end - b.body < 900]
        if blocks:
            b = rng.choice(blocks)
            before, between, after = text[max(0, b.body - 700):b.body], text[b.body:b.end], text[b.end:b.end + 400]
            yield f'[before]\n{before.strip(chr(10))}\n[after]\n{after.strip(chr(10))}\n[between]\n{between}\n'
