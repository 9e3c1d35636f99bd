/**
 * Data of server-sent events, as they come: the HTML standard's "event stream" as far as completion servers use it
 * (`data:` lines, an empty line between events). Comments and other fields are passed over.
 */
export async function* eventData(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    // A carriage return at the end may be half of a line's end.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    for (const line of lines) {
      if (line === '' && data.length > 0) {
        yield data.join('\n');
        data = [];
      } else if (line.startsWith('data:')) {
        data.push(line.slice('data:'.length).replace(/^ /, ''));
      }
    }
  }
  // Some servers end without the last empty line.
  if (rest.startsWith('data:')) data.push(rest.slice('data:'.length).trim());
  if (data.length > 0) yield data.join('\n');
}
