// Bodies and answers of the till's API, as pos-agent.js has them.
// Made by `python -m agent.kit.generate` from docs/openapi.json. Do not edit.

/** Who answers, and whether it is ready to sell. */
export interface Hello {
  api: string;
  capabilities: Array<string>;
  name: string;
  not_ready: Array<string>;
  ready: boolean;
  store_id: string;
  store_name: string;
  training: boolean;
  version: string;
  workstation_id: string;
}

/** ClockView. */
export interface ClockView {
  trusted: boolean;
  why: string;
}

/** A device or HQ: `up` is null until it first reported. */
export interface ComponentView {
  counters: Record<string, number>;
  reason: string;
  since_at_ms: number;
  up: boolean | null;
}

/** A finished reconciliation: `equal`, `healed`, `different` or `unreachable`. */
export interface ProofView {
  at_ms: number;
  count: number;
  detail: Record<string, unknown>;
  epoch: string;
  head: string;
  result: "equal" | "healed" | "different" | "unreachable";
  trigger: string;
}

/** Which books the till books into: its own, or those of a training that nobody keeps. */
export interface ModeView {
  changing: boolean;
  fixed_by: "file" | "run" | null;
  real_waiting: number;
  training: boolean;
}

/** BudgetView. */
export interface BudgetView {
  business_day: string;
  left_fen: number;
  member_day_fen: number;
  till_day_fen: number;
  used_fen: number;
}

/** Events by what HQ said of them; `suspended` and `conflict` wait for a person. */
export interface OutboxView {
  acknowledged: number;
  conflict: number;
  pending: number;
  suspended: number;
}

/** StatusView. */
export interface StatusView {
  api: string;
  capabilities: Array<string>;
  clock: ClockView;
  components: Record<string, ComponentView>;
  frozen_here: number;
  last_proof: ProofView | null;
  mode: ModeView;
  name: string;
  next_proof_at_ms: number;
  not_ready: Array<string>;
  offline_budget: BudgetView | null;
  outbox: OutboxView;
  ready: boolean;
  replica: Record<string, number>;
  snapshot_age_s: number | null;
  store_id: string;
  store_name: string;
  sync_alarm: string;
  training: boolean;
  version: string;
  workstation_id: string;
}

/** The token, shown once. */
export interface Paired {
  app: string;
  scopes: Array<"sell" | "print" | "drawer" | "manage">;
  token: string;
}

/** RFC 9457: `code` is stable, `detail` is the cashier's sentence in Chinese, `hint` says what to do. */
export interface Problem {
  code: string;
  detail: string;
  errors?: Array<Record<string, string>> | null;
  field?: string | null;
  hint: string;
  status: number;
  title: string;
  type: string;
}

/** ResolveRequest. */
export interface ResolveRequest {
  auth_code?: string | null;
  code?: string | null;
  last_scan?: boolean;
  mch_id?: string;
  phone?: string | null;
  sub_mch_id?: string;
}

/** A count card: what is left of it. `expires` "": never. */
export interface CountCardView {
  card_id: string;
  expires: string;
  left: number;
  name: string;
  total: number;
}

/** CouponView. */
export interface CouponView {
  coupon_id: string;
  end: string;
  min_fen: number;
  name: string;
  off_bp: number;
  off_fen: number;
  start: string;
  type: string;
  usable_today: boolean;
}

/** The tier HQ will give at `at_growth`; the member has `growth` now. */
export interface NextTierView {
  at_growth: number;
  earn_mult_x100: number;
  growth: number;
  name: string;
  pay_rate_bps: number;
  tier_id: string;
}

/** Points that end within fifteen days, on the last day they may be used. */
export interface ExpiringView {
  day: string;
  points: number;
}

/** What this till may spend now without HQ; more may be had while HQ can be reached. */
export interface SpendableView {
  counts: Record<string, number>;
  coupons: Array<string>;
  points: number;
  stored_value_fen: number;
}

/** Stored value in fen, by what was paid in and what was given on top. */
export interface StoredValueView {
  gift_fen: number;
  principal_fen: number;
  total_fen: number;
}

/** `pay_rate_bps` 8800: the member pays 88 %. */
export interface TierView {
  earn_mult_x100: number;
  name: string;
  pay_rate_bps: number;
  tier_id: string;
}

/** WayUpView. */
export interface WayUpView {
  by: string;
  missing: number;
  tier_id: string;
}

/** This quarter as HQ counted it, and what is missing to the next tier: both are needed (S18). */
export interface TierReviewView {
  missing_spend_fen: number;
  missing_visits: number;
  next_tier_id: string | null;
  quarter_ends: string;
  spend_fen: number;
  visits: number;
  ways_up: Array<WayUpView>;
}

/** A member, masked. What is null is not known here at this moment. */
export interface MemberView {
  birthday_today: boolean;
  count_cards: Array<CountCardView>;
  coupons: Array<CouponView>;
  first_order: boolean;
  masked: string;
  member_id: string;
  next_tier: NextTierView | null;
  points: number | null;
  points_expiring: ExpiringView | null;
  spendable_here: SpendableView;
  spending_refused: string | null;
  stored_value: StoredValueView | null;
  tier: TierView;
  tier_review: TierReviewView | null;
}

/** PaymentView. */
export interface PaymentView {
  evidence: string;
  payer_fen: number | null;
  scope: string;
  sub_mch_id: string;
  total_fen: number;
  transaction_id: string;
}

/** Who it is, and how sure. */
export interface IdentificationView {
  by: string;
  certainty: "code" | "payment" | "dynamic" | "verified" | null;
  identification_id: string;
  join_prompt: boolean;
  may_price: boolean;
  may_spend: boolean;
  member: MemberView | null;
  payment: PaymentView | null;
  provisional: boolean;
}

/** CountCardRequest. */
export interface CountCardRequest {
  card_id: string;
  line?: number | null;
  units?: number;
}

/** One line: pieces, or grams for goods by weight. */
export interface LineRequest {
  code: string;
  grams?: number | null;
  qty?: number;
}

/** A supervisor allows a price under 70 % of the market; recorded with the sale and told to HQ. */
export interface OverrideRequest {
  operator: string;
  reason: string;
}

/** QuoteRequest. */
export interface QuoteRequest {
  cash?: boolean;
  confirmed?: boolean;
  count_card?: CountCardRequest | null;
  coupons?: Array<string>;
  hold?: boolean;
  identification_id?: string | null;
  lines: Array<LineRequest>;
  override?: OverrideRequest | null;
  points?: number | "max";
  stored_value?: number | "max";
}

/** What the member has afterwards, as far as this till knows; `points` null: it does not. */
export interface LeftView {
  count_card: CountCardView | null;
  gift_fen: number;
  points: number | null;
  principal_fen: number;
}

/** What a member would pay and earn (for a member: the same). */
export interface AsMember {
  payable_fen: number;
  points: number;
}

/** OfferView. */
export interface OfferView {
  applied: boolean;
  id: string;
  lost_fen: number;
  name: string;
  off_fen: number;
  why: "period" | "no_goods" | "threshold" | "suppressed" | null;
}

/** What one promotion or coupon took off one line. */
export interface LineOfferView {
  coupon: boolean;
  id: string;
  name: string;
  off_fen: number;
}

/** One priced line. `reason`: tier, member_fixed, promo, list or charged. */
export interface QuoteLine {
  earns: boolean;
  grams: number | null;
  gross_fen: number;
  line: number;
  list_fen: number;
  list_unit_fen: number;
  name: string;
  net_fen: number;
  offers: Array<LineOfferView>;
  payable_fen: number;
  points_off_fen: number;
  points_used: number;
  qty: number;
  reason: string;
  rounding_off_fen: number;
  saved_fen: number;
  sku: string;
  unit_fen: number;
}

/** What a group coupon or count card pays for. */
export interface CoveredView {
  amount_fen: number;
  id: string;
  units: number;
}

/** What the member had paid before: no discount, a tender. */
export interface PrepaidView {
  counts: Array<CoveredView>;
  gift_fen: number;
  principal_fen: number;
  vouchers: Array<CoveredView>;
}

/** Points spent, and what they take off. */
export interface RedeemedView {
  off_fen: number;
  points: number;
}

/** A quote, valid for `valid_s` seconds. `due_fen` is to be tendered outside: cash, WeChat, a card. */
export interface QuoteView {
  after: LeftView | null;
  as_member: AsMember;
  below_market: Array<number>;
  coupons: Array<OfferView>;
  due_fen: number;
  held: boolean;
  lines: Array<QuoteLine>;
  list_fen: number;
  lost_fen: number;
  payable_fen: number;
  points_to_earn: number;
  prepaid: PrepaidView;
  pricebook_version: number;
  promos: Array<OfferView>;
  quote_id: string;
  redeemed: RedeemedView;
  rounding_off_fen: number;
  rules_version: number;
  saved_fen: number;
  valid_s: number;
}

/** A line of a sale that was not quoted here, with what the POS charged for it. */
export interface ChargedLineRequest {
  charged_fen?: number | null;
  code: string;
  grams?: number | null;
  name?: string | null;
  qty?: number;
}

/** TenderRequest. */
export interface TenderRequest {
  amount_fen: number;
  received_fen?: number | null;
  transaction_id?: string | null;
  type: "cash" | "wechat" | "alipay" | "unionpay" | "card" | "other";
}

/** A sale that was paid. It is always recorded when its tenders are there and add up to `total_fen`. */
export interface SaleRequest {
  identification_id?: string | null;
  lines?: Array<ChargedLineRequest>;
  open_drawer?: boolean;
  operator?: string | null;
  paper?: "receipt" | "join_prompt" | "none";
  quote_id?: string | null;
  sale_id: string;
  table?: string | null;
  tenders: Array<TenderRequest>;
  total_fen?: number | null;
}

/** A fact that disagrees; recorded and sent to HQ. */
export interface DiscrepancyView {
  code: string;
  detail: string;
}

/** The event's name in the books. */
export interface EventNameView {
  epoch: string;
  seq: number;
  workstation_id: string;
}

/** The join prompt of this sale. */
export interface JoinView {
  points: number;
  saved_fen: number;
  url: string;
}

/** Who earned. */
export interface SaleMember {
  masked: string;
  member_id: string;
}

/** What a supervisor allowed, and who; the reason goes to HQ alone. */
export interface OverrideView {
  code: string;
  operator: string;
}

/** A booked sale. `outcome` is `created` (201) or `exists` (200, the first answer again). */
export interface SaleView {
  after: LeftView | null;
  certainty: string | null;
  collected_fen: number;
  coupons: Array<OfferView>;
  discrepancies: Array<DiscrepancyView>;
  due_fen: number;
  event: EventNameView;
  foregone_fen: number;
  join: JoinView | null;
  list_fen: number;
  lost_fen: number;
  member: SaleMember | null;
  outcome: "created" | "exists";
  overrides: Array<OverrideView>;
  payable_fen: number;
  points_balance: number | null;
  points_earned: number;
  points_expire: string | null;
  points_pending: boolean;
  prepaid: PrepaidView;
  redeemed: RedeemedView;
  rounding_off_fen: number;
  sale_id: string;
  saved_fen: number;
}

/** Units of one line of the sale, by its number from 1; goods by weight come back whole (1). */
export interface ReturnLineRequest {
  line: number;
  qty?: number;
}

/** Goods that come back. `preview` only tells what would be given back. */
export interface ReturnRequest {
  lines: Array<ReturnLineRequest>;
  operator?: string | null;
  paper?: "receipt" | "none";
  preview?: boolean;
  reason?: string | null;
  return_id: string;
  sale_id: string;
}

/** Units credited to one count card. */
export interface UnitsBack {
  card_id: string;
  units: number;
}

/** One line's part. */
export interface ReturnedLine {
  line: number;
  name: string;
  points_returned: number;
  qty: number;
  refund_fen: number;
  sku: string;
}

/** Stored value credited by this return. */
export interface StoredValueBack {
  gift_fen: number;
  principal_fen: number;
}

/** RefundTender. */
export interface RefundTender {
  amount_fen: number;
  by: "cash" | "pos" | "agent";
  to_payer_fen: number;
  transaction_id: string | null;
  type: string;
}

/** A return. */
export interface ReturnView {
  counts: Array<UnitsBack>;
  coupons: Array<string>;
  event?: EventNameView | null;
  kept_fen: number;
  lines: Array<ReturnedLine>;
  outcome: "created" | "exists" | "preview";
  points_balance: number | null;
  points_debt: number | null;
  points_in_cash: number;
  points_returned: number;
  points_reversed: number;
  refund_fen: number;
  return_id: string;
  sale_id: string;
  stored_value: StoredValueBack;
  tenders: Array<RefundTender>;
  whole: boolean;
}

/** A sale that is taken back whole, or what is left of it. */
export interface VoidRequest {
  operator?: string | null;
  paper?: "receipt" | "none";
  preview?: boolean;
  reason?: string | null;
  void_id: string;
}

/** A void. */
export interface VoidView {
  counts: Array<UnitsBack>;
  coupons: Array<string>;
  event?: EventNameView | null;
  kept_fen: number;
  lines: Array<ReturnedLine>;
  outcome: "created" | "exists" | "preview";
  points_balance: number | null;
  points_debt: number | null;
  points_in_cash: number;
  points_returned: number;
  points_reversed: number;
  refund_fen: number;
  sale_id: string;
  stored_value: StoredValueBack;
  tenders: Array<RefundTender>;
  void_id: string;
  whole: boolean;
}

/** A paragraph; wraps at the paper's width. `scale` multiplies width and height. */
export interface TextBlock {
  align?: "left" | "center" | "right";
  bold?: boolean;
  kind: "text";
  scale?: number;
  text: string;
}

/** Left text and right text on one line. */
export interface PairBlock {
  bold?: boolean;
  kind: "pair";
  left: string;
  right: string;
}

/** A line across the paper. */
export interface RuleBlock {
  kind: "rule";
}

/** A QR code. */
export interface QrBlock {
  kind: "qr";
  payload: string;
}

/** Blank lines. */
export interface FeedBlock {
  kind: "feed";
  lines?: number;
}

/** PrintRequest. */
export interface PrintRequest {
  blocks: Array<TextBlock | PairBlock | RuleBlock | QrBlock | FeedBlock>;
  cut?: boolean;
  print_id: string;
  printer?: string | null;
}

/** One row of the print ledger. */
export interface PrintJobView {
  created_at_ms: number;
  expires_at_ms: number;
  job_id: string;
  kind: "receipt" | "join_prompt" | "drawer" | "test";
  note: string;
  printer: string;
  reprint_of: string | null;
  state: "queued" | "sending" | "sent" | "confirmed" | "unconfirmed" | "expired" | "failed";
}

/** DrawerRequest. */
export interface DrawerRequest {
  drawer_id: string;
  operator: string;
  printer?: string | null;
  reason: string;
}
