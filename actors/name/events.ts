/** Facts of a name: a reservation, so that two agents of one name cannot exist anywhere. */
export type NameEvent =
  | {
      readonly type: 'NameReserved';
      readonly data: {
        readonly kind: string;
        readonly name: string;
        readonly holder: string;
        /** Of the holder's profile, with which it would have this name. */
        readonly version: number;
      };
    }
  /** The holder exists (or has taken the name over from its old one). */
  | { readonly type: 'NameTaken'; readonly data: { readonly holder: string } }
  | { readonly type: 'NameReleased'; readonly data: { readonly holder: string; readonly reason: string } };
