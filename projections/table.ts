import { listScanMax } from './bounds.ts';
import { type Ordered, OrderedIndex } from './ordered-index.ts';
import { cursorOf, type Page, type PageRequest, parseCursor } from './page.ts';

/** What a table keeps: rows of orgs, in the order of their creation. */
export interface Row extends Ordered {
  readonly org: string;
  readonly id: string;
}

interface OrgRows<R extends Row> {
  readonly byId: Map<string, R>;
  readonly all: OrderedIndex<R>;
  /** By name of the index and value. A value that only one row has, such as a name, costs no index of its own. */
  readonly indexes: Map<string, Map<string, R | OrderedIndex<R>>>;
}

/** Values of one row in one index. */
export type IndexValues<R> = (row: R) => readonly string[];

/**
 * Rows by org and id, with an ordered index for each value that a list can be filtered by. Nothing is found without its
 * org (I10). Who changes a row's indexed field says so with {@link moved}.
 */
export class Table<R extends Row> {
  readonly #indexes: Readonly<Record<string, IndexValues<R>>>;
  readonly #orgs = new Map<string, OrgRows<R>>();
  #size = 0;

  constructor(indexes: Readonly<Record<string, IndexValues<R>>>) {
    this.#indexes = indexes;
  }

  get size(): number {
    return this.#size;
  }

  get(org: string, id: string): R | undefined {
    return this.#orgs.get(org)?.byId.get(id);
  }

  *rows(): Generator<R, void, void> {
    for (const { byId } of this.#orgs.values()) yield* byId.values();
  }

  *rowsOf(org: string): Generator<R, void, void> {
    const rows = this.#orgs.get(org);
    if (rows) yield* rows.byId.values();
  }

  insert(row: R): void {
    let rows = this.#orgs.get(row.org);
    if (!rows) {
      rows = { byId: new Map(), all: new OrderedIndex(), indexes: new Map() };
      for (const name of Object.keys(this.#indexes)) rows.indexes.set(name, new Map());
      this.#orgs.set(row.org, rows);
    }
    rows.byId.set(row.id, row);
    rows.all.add(row);
    for (const [name, values] of Object.entries(this.#indexes))
      for (const value of values(row)) enter(rows, name, value, row);
    this.#size++;
  }

  remove(row: R): void {
    const rows = this.#orgs.get(row.org);
    if (rows?.byId.get(row.id) !== row) return;
    rows.byId.delete(row.id);
    rows.all.delete(row);
    for (const [name, values] of Object.entries(this.#indexes))
      for (const value of values(row)) leave(rows, name, value, row);
    this.#size--;
    if (rows.byId.size === 0) this.#orgs.delete(row.org);
  }

  /** The row's value in this index was `before` and is `after`; undefined: in neither. */
  moved(row: R, index: string, before: string | undefined, after: string | undefined): void {
    if (before === after) return;
    const rows = this.#orgs.get(row.org);
    if (!rows) return;
    if (before !== undefined) leave(rows, index, before, row);
    if (after !== undefined) enter(rows, index, after, row);
  }

  /** How many rows of an org have this value. */
  count(org: string, index: string, value: string): number {
    const there = this.#orgs.get(org)?.indexes.get(index)?.get(value);
    return there instanceof OrderedIndex ? there.size : there ? 1 : 0;
  }

  /** How many rows an org has. */
  countOf(org: string): number {
    return this.#orgs.get(org)?.byId.size ?? 0;
  }

  /**
   * The smallest index that answers these filters (all of them are checked by the caller again): undefined when nothing
   * can match.
   */
  narrowest(org: string, filter: Readonly<Record<string, string | undefined>>): OrderedIndex<R> | undefined {
    const rows = this.#orgs.get(org);
    if (!rows) return undefined;
    let best: OrderedIndex<R> = rows.all;
    for (const name in filter) {
      const value = filter[name];
      if (value === undefined) continue;
      const there = rows.indexes.get(name)?.get(value);
      if (!there) return undefined;
      if (!(there instanceof OrderedIndex)) {
        const alone = new OrderedIndex<R>();
        alone.add(there);
        return alone;
      }
      if (there.size < best.size) best = there;
    }
    return best;
  }

  /** A page of an org's rows that match every filter, newest first. */
  list<View>(
    org: string,
    filter: Readonly<Record<string, string | undefined>>,
    page: PageRequest,
    view: (row: R) => View,
  ): Page<View> {
    const from = page.cursor === undefined ? undefined : parseCursor(page.cursor);
    const index = this.narrowest(org, filter);
    if (!index) return { items: [], nextCursor: null };
    const filters = Object.entries(filter).flatMap(([name, value]) =>
      value === undefined ? [] : [{ values: this.#indexes[name] as IndexValues<R>, value }],
    );
    return pageOf(
      index.newestFirst(from),
      (row) => filters.every(({ values, value }) => values(row).includes(value)),
      page.limit,
      view,
    );
  }
}

/** Takes a page from rows in order. */
export function pageOf<R extends Ordered, View>(
  rows: Iterable<R>,
  matches: (row: R) => boolean,
  limit: number,
  view: (row: R) => View,
): Page<View> {
  const items: View[] = [];
  let last: R | undefined;
  let scanned = 0;
  for (const row of rows) {
    if (matches(row)) {
      if (items.length === limit) return { items, nextCursor: last ? cursorOf(last) : null };
      items.push(view(row));
      last = row;
    }
    // Where the walk ends early the next page goes on behind the last row seen, unless the page is full.
    if (++scanned >= listScanMax) return { items, nextCursor: cursorOf(items.length === limit && last ? last : row) };
  }
  return { items, nextCursor: null };
}

function enter<R extends Row>(rows: OrgRows<R>, name: string, value: string, row: R): void {
  const values = rows.indexes.get(name);
  if (!values) throw new Error(`there is no index ${name}`);
  const there = values.get(value);
  if (there instanceof OrderedIndex) there.add(row);
  else if (!there || there === row) values.set(value, row);
  else {
    const index = new OrderedIndex<R>();
    index.add(there);
    index.add(row);
    values.set(value, index);
  }
}

function leave<R extends Row>(rows: OrgRows<R>, name: string, value: string, row: R): void {
  const values = rows.indexes.get(name);
  const there = values?.get(value);
  if (there instanceof OrderedIndex) {
    there.delete(row);
    if (there.size === 0) values?.delete(value);
  } else if (there === row) values?.delete(value);
}
