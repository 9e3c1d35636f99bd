import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import type { SafetensorsHeader } from './safetensors-header.ts';

const pageBytes = 4096;
const pages = 64;

/**
 * sha256 (hex) that names a checkpoint: config.json, and of each weight file (by tensor names, not by file name)
 * the header, the size and 64 evenly spaced pages of 4 KiB. It tells checkpoints and fine-tunes apart in
 * milliseconds for any size; it is no proof that every byte is intact.
 */
export async function hashModel(configFile: string, files: SafetensorsHeader[]): Promise<string> {
  const hash = createHash('sha256')
    .update('mtplx model 1\n')
    .update(await readFile(configFile));
  for (const { path, bytes, text } of files.toSorted((a, b) => (a.text < b.text ? -1 : 1))) {
    hash.update(`\n${bytes}\n${text}\n`);
    const file = await open(path, 'r');
    try {
      const page = Buffer.alloc(pageBytes);
      for (let i = 0; i < pages; i++) {
        const at = Math.floor((Math.max(0, bytes - pageBytes) * i) / (pages - 1));
        const { bytesRead } = await file.read(page, 0, pageBytes, at);
        hash.update(page.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  }
  return hash.digest('hex');
}
