/** What a check found: the first one ends a run. */
export interface Violation {
  /** I1 … I8 (docs/invariants.md), `personal data` for what is not sealed, or `defect` for what a program should never meet. */
  readonly invariant: string;
  readonly detail: string;
}

export type Violate = (invariant: string, detail: string) => void;
