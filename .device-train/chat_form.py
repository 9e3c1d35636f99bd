"""The chat form, exactly as the template of tokenizer_config.json renders it."""

CHAT_TEMPLATE = (
    '{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}'
    '{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}'
)
EMPTY_THINKING = '<think>\n\n</think>\n\n'


def message(role: str, content: str) -> dict:
    return {'role': role, 'content': content}


def render_prompt(messages: list[dict]) -> str:
    """The text a server sends to the model: earlier turns without a think block, then the opened answer."""
    turns = ''.join(f'<|im_start|>{m["role"]}\n{m["content"]}<|im_end|>\n' for m in messages)
    return turns + '<|im_start|>assistant\n' + EMPTY_THINKING


def render_document(messages: list[dict], answer: str) -> str:
    """A training document: the prompt, the answer and its end."""
    return render_prompt(messages) + answer + '<|im_end|>\n'


def check_template() -> None:
    """Raises AssertionError if render_prompt and the template differ."""
    from jinja2 import Template
    template = Template(CHAT_TEMPLATE)
    cases = [
        [message('user', 'Continue this code:\n\nx = 1')],
        [message('system', 'Be brief.'), message('user', 'a'), message('assistant', 'b'), message('user', 'c')],
    ]
    for messages in cases:
        want = template.render(messages=messages, add_generation_prompt=True)
        got = render_prompt(messages)
        assert got == want, f'The chat form differs from the template: {got!r} against {want!r}.'
