import { fileURLToPath } from 'node:url';

/** Where the parts that are no code of this module stand: beside the sources, or beside the bundle in `dist/`. */
export interface Installation {
  readonly templates: string;
  readonly reloadScript: string;
  readonly worker: URL;
  readonly trafficWorker: URL;
}

/** Finds the parts of the installation this program was started from. */
export function findInstallation(): Installation {
  const fromSource = import.meta.url.endsWith('.ts');
  const root = new URL(fromSource ? '../' : './', import.meta.url);
  return {
    templates: fileURLToPath(new URL('templates', root)),
    reloadScript: fileURLToPath(new URL('scripts/reload.sh', root)),
    worker: new URL(fromSource ? './worker.ts' : './worker.js', import.meta.url),
    trafficWorker: new URL(fromSource ? './traffic-worker.ts' : './traffic-worker.js', import.meta.url),
  };
}
