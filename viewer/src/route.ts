import { useEffect, useState } from "preact/hooks";
import { mayLeave } from "./unsaved.js";

/** Where the page is: "#/cases/aua?case=la_003" -> page "cases", rest ["aua"], query case=la_003. */
export interface Route {
  readonly page: string;
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
}

/** As it is where a person typed what is no address. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function currentRoute(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page = "", ...rest] = path.split("/").map(decoded);
  return { page, rest, query: new URLSearchParams(query) };
}

export function useRoute(): Route {
  const [route, set] = useState(currentRoute);
  useEffect(() => {
    let shown = location.hash;
    const follow = () => {
      // the browser has gone already, back or forth or where a person typed: stay by going on to what is shown
      if (location.hash !== shown && !mayLeave()) return history.pushState(null, "", shown || "#/");
      shown = location.hash;
      set(currentRoute());
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

type Query = Readonly<Record<string, string | readonly string[]>>;

export function hrefOf(page: string, rest: readonly string[] = [], query: Query = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (typeof value === "string" ? [value] : value).map((one) => [name, one]),
  );
  const search = new URLSearchParams(pairs).toString();
  return `#/${[page, ...rest].map(encodeURIComponent).join("/")}${search && `?${search}`}`;
}

/** Changes the address without a new entry in the history. */
export const replaceRoute = (href: string): void => {
  history.replaceState(null, "", href);
  dispatchEvent(new HashChangeEvent("hashchange"));
};
