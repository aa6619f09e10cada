import { isPort } from '../model/network.ts';
import { shown, type Parsed } from '../model/token.ts';

export type StreamProtocol = 'TCP' | 'UDP';

/** One line of a ConfigMap of TCP or UDP services. */
export interface StreamLine {
  /** That nginx listens on. */
  readonly port: number;
  readonly namespace: string;
  readonly service: string;
  /** The number or the name of a port of the Service. */
  readonly servicePort: string;
  readonly acceptProxyProtocol: boolean;
  readonly sendProxyProtocol: boolean;
  /** What the line says and what has no effect. */
  readonly remarks: readonly string[];
}

const form = 'write namespace/service:port, for TCP with :PROXY[:PROXY] behind it';

/**
 * Reads `port: namespace/service:port[:PROXY][:PROXY]`. The first PROXY is for clients that speak the PROXY protocol,
 * the second for backends that are told with it; either may be left empty.
 */
export function parseStreamLine(key: string, text: string, protocol: StreamProtocol): Parsed<StreamLine> {
  const port = /^[1-9]\d{0,4}$/u.test(key) ? Number(key) : 0;
  if (!isPort(port)) {
    return { error: `${shown(key)} is not a port: write a number from 1 to 65535` };
  }
  const [target = '', servicePort = '', accept = '', send = '', ...rest] = text.trim().split(':');
  const [namespace = '', service = '', ...more] = target.split('/');
  if (namespace === '' || service === '' || servicePort === '' || more.length > 0) {
    return { error: `${shown(text)} does not name a port of a Service: ${form}` };
  }
  const words = [accept, send, ...rest];
  const isTcp = protocol === 'TCP';
  return {
    value: {
      port,
      namespace,
      service,
      servicePort,
      acceptProxyProtocol: isTcp && isProxy(accept),
      // As in ingress-nginx, which reads the last word only where nothing follows it.
      sendProxyProtocol: isTcp && isProxy(send) && rest.length === 0,
      remarks: remarksOn(words, isTcp),
    },
  };
}

function remarksOn(words: readonly string[], isTcp: boolean): string[] {
  const given = words.filter((word) => word !== '');
  if (!isTcp) {
    return given.length > 0 ? [`${shown(given.join(':'))} has no effect with UDP: remove it`] : [];
  }
  const unknown = given.find((word) => !isProxy(word));
  if (unknown !== undefined) {
    return [`${shown(unknown)} is not PROXY and has no effect: ${form}`];
  }
  return words.length > 2 ? [`more than two words after the port have no effect: ${form}`] : [];
}

function isProxy(word: string): boolean {
  return word.toUpperCase() === 'PROXY';
}
