/** The page-side interface: what a site owner's own scripts may rely on. */

/** Types known to Creatio. Any other string is as good: the type is open, and compared without case. */
export type KnownEventType =
  | 'page-load'
  | 'identify'
  | 'CLICK'
  | 'SEND_FORM'
  | 'FILL_FIELD'
  | 'CHANGE_FIELD'
  | 'FOCUS'
  | 'VIEW_ITEM'
  | 'VIEW_ITEM_LIST'
  | 'OUT_LINK'
  | 'DOWNLOAD_FILE'
  | 'SEARCH'
  | 'ADD_TO_CART'
  | 'REMOVE_FROM_CART'
  | 'ADD_TO_WISHLIST'
  | 'START_CHECKOUT'
  | 'ADD_PAYMENT_INFO'
  | 'LEAD'
  | 'LOGIN'
  | 'SELECT_CONTENT'
  | 'COMPLETE_REGISTRATION'
  | 'SET_CHECKOUT_OPTION'
  | 'SHARE'
  | 'VISIT_PLACE'
  | 'DEFINE_GPS_LOCATION';

/** `string & {}` keeps the editor's completion of the known types while any string passes. */
export type EventType = KnownEventType | (string & {});

export type Consent = 'unknown' | 'granted' | 'denied';

export interface EventDetail {
  name?: string;
  value?: string | number;
  /** In the site's own currency; left out when there is none. */
  cost?: number;
}

export interface TrackingSettings {
  /** Receiver URL, e.g. `https://events.example/receiver`. */
  hst: string;
  /** Tenant GUID. */
  tnt: string;
  /** Resource GUID: this site. */
  res: string;
  /**
   * What the visitor agreed to; may be changed at any time. Absent = `unknown`.
   * `denied` sends nothing and sets no cookie, and so does any value not listed here.
   */
  consent?: Consent;
}

export interface CreatioTracking {
  v: TrackingSettings;
  /** Never throws; may be called before the engine has loaded. */
  registerEvent(type: EventType, detail?: EventDetail): void;
}

declare global {
  // `var` is the only declaration that makes both `creatioTracking` and `window.creatioTracking` exist.
  var creatioTracking: CreatioTracking;
  interface Window {
    creatioTracking: CreatioTracking;
  }
}
