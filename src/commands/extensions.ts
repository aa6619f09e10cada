import { resolve } from 'node:path';
import type { Snapshot } from '../cluster/snapshot.ts';
import type { GatewayConfig } from '../config/sections.ts';
import { GoodForms } from '../extensions/good-forms.ts';
import { Ledger } from '../extensions/ledger.ts';
import { readPluginFolder } from '../extensions/plugin-sources.ts';
import { readTemplateConfigMap, readTemplateFolder } from '../extensions/template-sources.ts';
import { troubleText, type Offer, type UnitSource } from '../extensions/unit.ts';
import { watchFolder, type FolderWatch } from '../extensions/watch.ts';
import type { Logger } from '../observe/log.ts';

/** Reads what the operator's folders and the ConfigMap of a snapshot have, once. */
export async function readExtensions(config: GatewayConfig, snapshot: Snapshot): Promise<Ledger> {
  const ledger = new Ledger();
  for (const { source, path, read } of foldersOf(config)) {
    ledger.offer(source, await read(path));
  }
  const { templateConfigMap } = config.kubernetes;
  if (templateConfigMap !== '') {
    const data = snapshot.configMaps.get(templateConfigMap)?.data ?? null;
    ledger.offer('template ConfigMap', readTemplateConfigMap(`ConfigMap/${templateConfigMap}`, data));
  }
  return ledger;
}

export interface WatchedExtensions {
  readonly ledger: Ledger;
  readonly goodForms: GoodForms;
  /** From now on edits are followed. */
  follow(onChange: () => void): void;
  close(): Promise<void>;
}

/**
 * Reads the operator's folders, and in the state folder what was good of them before, and follows them. What is wrong
 * with them is told and ends nothing.
 */
export async function openExtensions(
  config: GatewayConfig,
  stateDir: string,
  logger: Logger,
): Promise<WatchedExtensions> {
  const ledger = new Ledger();
  const goodForms = new GoodForms(stateDir);
  const folders = foldersOf(config);
  let watches: FolderWatch[] = [];
  let onChange: (() => void) | null = null;

  function take(source: UnitSource, offer: Offer): void {
    const before = new Set(ledger.troubles().map(troubleText));
    if (!ledger.offer(source, offer)) {
      return;
    }
    for (const trouble of offer.troubles.filter((each) => !before.has(troubleText(each)))) {
      logger.error('Something that an operator added cannot be read', {
        source,
        file: trouble.file,
        line: trouble.line,
        reason: trouble.message,
      });
    }
    onChange?.();
  }

  const { units, unusable } = await goodForms.read();
  if (unusable !== null) {
    logger.warn('The good forms of templates and plugins that were kept are not used', { reason: unusable });
  }
  ledger.recall(units);
  for (const { source, path, read } of folders) {
    take(source, await read(path));
  }
  return {
    ledger,
    goodForms,
    follow(listener) {
      onChange = listener;
      watches = folders.map(({ source, path, read }) =>
        watchFolder(
          path,
          read,
          (offer) => take(source, offer),
          (error) => logger.error('A folder of the operator cannot be watched', { source, path, error }),
        ),
      );
    },
    async close() {
      await Promise.all(watches.map((watch) => watch.close()));
    },
  };
}

interface Folder {
  readonly source: UnitSource;
  readonly path: string;
  readonly read: (path: string) => Promise<Offer>;
}

function foldersOf({ nginx, plugins }: GatewayConfig): Folder[] {
  const folders: Folder[] = [
    { source: 'plugin directory', path: plugins.directory, read: readPluginFolder },
    { source: 'template folder', path: nginx.templatePath, read: readTemplateFolder },
  ];
  return folders
    .filter(({ path }) => path !== '')
    .map((folder) => ({ ...folder, path: resolve(folder.path) }));
}
