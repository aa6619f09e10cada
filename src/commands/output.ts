import { gatewayError, reasonOf } from '../errors.ts';

/** What was printed on standard output, and whether it has arrived. */
export interface Output {
  /**
   * Waits until everything printed so far is out. A reader that has gone (`| head`) has what it wanted.
   * @throws GatewayError CNG_OUTPUT_FAILED
   */
  finish(): Promise<void>;
}

/** From now on an error of standard output does not end the program with a stack trace. */
export function watchOutput(): Output {
  let failure: NodeJS.ErrnoException | null = null;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    failure ??= error;
  });
  return {
    async finish() {
      const last = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
        process.stdout.write('', (error) => resolve(error ?? null));
      });
      const error = failure ?? last;
      if (error !== null && error.code !== 'EPIPE') {
        throw gatewayError('CNG_OUTPUT_FAILED', { reason: reasonOf(error) }, { cause: error });
      }
    },
  };
}
