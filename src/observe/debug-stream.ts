/** What is written at once: enough to be quick, little enough that a slow reader holds next to no memory. */
const chunkLength = 64 * 1024;

/**
 * A body that is made as fast as it is read. An exception while making it is told to `report` and cuts the
 * connection, for the status line is long gone.
 */
export function streamOf(
  pieces: Iterable<string>,
  report: (error: Error) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const iterator = pieces[Symbol.iterator]();
  return new ReadableStream(
    {
      pull: (controller) => {
        try {
          let chunk = '';
          while (chunk.length < chunkLength) {
            const next = iterator.next();
            if (next.done === true) {
              if (chunk !== '') {
                controller.enqueue(encoder.encode(chunk));
              }
              controller.close();
              return;
            }
            chunk += next.value;
          }
          controller.enqueue(encoder.encode(chunk));
        } catch (error) {
          report(error instanceof Error ? error : new Error(String(error)));
          controller.error(error);
        }
      },
      cancel: () => {
        iterator.return?.();
      },
    },
    // Nothing is made before the reader asks: a HEAD request never asks.
    { highWaterMark: 0 },
  );
}

/** A text in pieces of a size to write, never between the halves of a surrogate pair. */
export function* textPieces(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + chunkLength);
    const code = text.charCodeAt(end - 1);
    if (end < text.length && code >= 0xd800 && code <= 0xdbff) {
      end += 1;
    }
    yield text.slice(at, end);
    at = end;
  }
}
