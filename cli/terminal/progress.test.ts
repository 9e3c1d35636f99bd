import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Progress } from './progress.ts';

const test = suite('progress');

function terminal(
  isTTY = true,
  columns = 80,
): { isTTY: boolean; columns: number; text: string; write(text: string): void } {
  return {
    isTTY,
    columns,
    text: '',
    write(text) {
      this.text += text;
    },
  };
}

test('is silent where nobody watches', () => {
  const stream = terminal(false);
  const progress = new Progress(stream);
  progress.update(1, 2, 'half');
  progress.clear();
  assert.is(stream.text, '');
});

test('shows share and text, and no colour under NO_COLOR', () => {
  const stream = terminal();
  new Progress(stream, { env: { NO_COLOR: '1' } }).update(1, 2, 'prompt 3');
  assert.is(stream.text, `\r\u001b[2K${'━'.repeat(10)}${'─'.repeat(10)}  50 % prompt 3`);
});

test('colours the rest of the bar', () => {
  const stream = terminal();
  new Progress(stream, { env: {} }).update(1, 2);
  assert.match(stream.text, '\u001b[90m');
});

test('redraws at most every 80 ms, but always the last step', () => {
  const stream = terminal();
  let now = 0;
  const progress = new Progress(stream, { env: {}, now: () => now });
  progress.update(1, 3, 'one');
  now = 79;
  progress.update(2, 3, 'two');
  progress.update(3, 3, 'three');
  assert.match(stream.text, 'one');
  assert.not.match(stream.text, 'two');
  assert.match(stream.text, 'three');
});

test('never wraps on a narrow terminal', () => {
  const stream = terminal(true, 30);
  new Progress(stream, { env: { NO_COLOR: '1' } }).update(0, 1, 'a text that is much too long');
  assert.ok(stream.text.replace('\r\u001b[2K', '').length < 30);
});

test('clear removes what was drawn, once', () => {
  const stream = terminal();
  const progress = new Progress(stream);
  progress.update(1, 2);
  const drawn = stream.text.length;
  progress.clear();
  progress.clear();
  assert.is(stream.text.slice(drawn), '\r\u001b[2K');
});

test.run();
