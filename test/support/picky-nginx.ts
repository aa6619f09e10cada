import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { NginxBinary } from './nginx-binaries.ts';
import { shellScript } from './nginx-instance.ts';
import { temporaryDirectory } from './temp-dir.ts';

/** An nginx that refuses what it is told to, in the words of nginx, and counts the candidates that it is asked about. */
export interface PickyNginx {
  readonly binary: NginxBinary;
  /** Lines of a candidate that hold one of these texts are unknown directives. */
  refuseLines(texts: readonly string[]): Promise<void>;
  /** Files with these certificates (PEM) cannot be loaded. */
  refuseCertificates(pems: readonly string[]): Promise<void>;
  /** Runs of `nginx -t` on candidates so far. */
  tests(): Promise<number>;
}

/** Wraps an nginx in a script. `seconds`: how long each test of a candidate takes longer. */
export async function pickyNginx(
  t: Pick<TestContext, 'after'>,
  nginx: NginxBinary,
  seconds = 0,
): Promise<PickyNginx> {
  const folder = await temporaryDirectory(t);
  const [lines, certificates, count] = ['lines', 'certificates', 'count'].map((name) =>
    path.join(folder, name),
  );
  for (const file of [lines, certificates, count]) {
    await writeFile(file ?? '', '');
  }
  const script = await shellScript(
    folder,
    'nginx',
    `case " $* " in *' -t '*)
      file=
      for argument; do case $argument in */candidate/*/nginx.conf) file=$argument ;; esac; done
      if [ -n "$file" ] && grep -q 'location = /generation' "$file"; then
        echo x >> ${count}
        sleep ${seconds}
        line=$(grep -nFf ${lines} "$file" | head -n 1 | cut -d: -f1)
        if [ -n "$line" ]; then
          echo "nginx: [emerg] unknown directive \\"picky\\" in $file:$line" >&2
          exit 1
        fi
        for loaded in $(sed -n 's/^ *ssl_certificate \\([^;]*\\);.*/\\1/p' "$file" | tr -d '"' | sort -u); do
          if grep -qFf ${certificates} "$loaded"; then
            echo "nginx: [emerg] cannot load certificate \\"$loaded\\": PEM_read_bio_X509_AUX() failed" >&2
            exit 1
          fi
        done
      fi ;;
    esac
    exec ${nginx.path} "$@"`,
  );
  return {
    binary: { ...nginx, path: script },
    refuseLines: async (texts) => {
      await writeFile(lines ?? '', texts.map((text) => `${text}\n`).join(''));
    },
    refuseCertificates: async (pems) => {
      // The last whole line is the signature's: of no other certificate.
      const marks = pems.map((pem) => new X509Certificate(pem).toString().trim().split('\n').at(-2));
      await writeFile(certificates ?? '', marks.map((mark) => `${mark}\n`).join(''));
    },
    tests: async () => (await readFile(count ?? '', 'utf8')).length / 2,
  };
}
