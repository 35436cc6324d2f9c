// Types of pos-agent.js. Bodies and answers: pos-agent-types.d.ts.
import type {
  DrawerRequest, Hello, IdentificationView, PrintJobView, PrintRequest, Problem, QuoteRequest, QuoteView,
  ResolveRequest, ReturnRequest, ReturnView, SaleRequest, SaleView, StatusView, VoidRequest, VoidView,
} from "./pos-agent-types";

export * from "./pos-agent-types";

export interface Options {
  baseUrl?: string;
  token?: string;
  /** For bodies without an answer, so that they outlive the page. */
  keep?: Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length"> | null;
  timeoutMs?: number;
  /** How long one call that books is repeated. */
  patienceMs?: number;
}

export interface TillEvent {
  /** null: never replayed. */
  id: number | null;
  kind: string;
  data: Record<string, unknown>;
}

export declare class Refused extends Error {
  readonly status: number;
  readonly problem: Problem;
  readonly code: string;
  readonly detail: string;
  readonly hint: string;
  readonly field: string | null;
}

/** A training was begun or ended; nothing was booked: `acceptBooks`, then begin anew. */
export declare class OtherBooks extends Refused {}

export declare class NoAnswer extends Error {}

/** Meant for the real books, and the till is in a training: `resend` when that has ended. */
export declare class Waiting extends NoAnswer {}

export declare class PosAgent {
  constructor(options?: Options);
  token: string;
  lastEventId: number | null;
  /** Which books this POS means; null: the till was not asked yet, "": it does not say. */
  books: string | null;
  pair(code: string, app: string): Promise<string>;
  hello(): Promise<Hello>;
  status(): Promise<StatusView>;
  /** `real` or `training`: what is begun from now on is meant for these. */
  acceptBooks(): Promise<string>;
  resolve(body: ResolveRequest): Promise<IdentificationView>;
  payment(raw: string): Promise<IdentificationView>;
  quote(body: QuoteRequest): Promise<QuoteView>;
  forget(quoteId: string): Promise<void>;
  sell(body: SaleRequest): Promise<SaleView>;
  giveBack(body: ReturnRequest): Promise<ReturnView>;
  void(saleId: string, body: VoidRequest): Promise<VoidView>;
  print(body: PrintRequest): Promise<PrintJobView>;
  drawer(body: DrawerRequest): Promise<PrintJobView>;
  resend(): Promise<Array<Record<string, unknown>>>;
  events(options?: { signal?: AbortSignal }): AsyncGenerator<TillEvent, void, void>;
}
