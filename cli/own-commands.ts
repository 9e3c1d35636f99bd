import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from '@oclif/core/command';
import { Config } from '@oclif/core/config';
import type { Manifest, PJSON, Plugin } from '@oclif/core/interfaces';

/**
 * oclif's configuration with our commands alone, as the manifest lists them. oclif's own way reads three plugins, which
 * serve help and typing errors, and sorts by locale, whose tables take 3 MB at the peak of a run.
 */
export async function ownCommands(root: string): Promise<Config> {
  const [pjson, manifest] = await Promise.all([
    readJson<PJSON>(join(root, 'package.json')),
    readJson<Manifest>(join(root, 'oclif.manifest.json')),
  ]);
  const plugin = pluginOf(root, pjson, manifest);
  return Config.load({ root, plugins: new Map([[plugin.name, plugin]]) });
}

function pluginOf(root: string, pjson: PJSON, { commands }: Manifest): Plugin {
  const { name, version } = pjson;
  const findCommand = async (id: string): Promise<Command.Class> => {
    const file = join(root, ...(commands[id]!['relativePath'] as string[]));
    const { default: command } = (await import(pathToFileURL(file).href)) as { default: Command.Class };
    command.id = id;
    command.plugin = plugin;
    return command;
  };
  const plugin: Plugin = {
    _base: '',
    name,
    alias: name,
    version,
    root,
    pjson,
    options: { root, isRoot: true },
    type: 'core',
    moduleType: 'module',
    isRoot: true,
    valid: true,
    hasManifest: true,
    hooks: {},
    commandsDir: undefined,
    commandIDs: Object.keys(commands),
    commands: Object.entries(commands).map(([id, command]) => ({ ...command, load: () => findCommand(id) })),
    topics: Object.entries(pjson.oclif.topics ?? {}).map(([topic, about]) => ({ ...about, name: topic })),
    findCommand,
    load: async () => {},
  };
  return plugin;
}

async function readJson<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(file, 'utf8')) as T;
}
