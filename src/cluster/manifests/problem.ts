/** Something wrong with a file rather than with an object in it. Lines and columns count from 1. */
export interface ManifestProblem {
  /** As given in the paths, joined with the name inside the directory. */
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  /** What is wrong, and the remedy. */
  readonly message: string;
}

/** A problem with a file as a whole. */
export function fileProblem(file: string, message: string): ManifestProblem {
  return { file, line: null, column: null, message };
}

/** `file:line:column: message`, as compilers write it. */
export function formatProblem({ file, line, column, message }: ManifestProblem): string {
  const place = [line, column].filter((part) => part !== null).map((part) => `:${part}`);
  return `${file}${place.join('')}: ${message}`;
}
