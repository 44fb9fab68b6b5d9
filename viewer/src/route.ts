import { useEffect, useState } from "preact/hooks";

/** Where the page is: "#/cases/aua?case=la_003" -> page "cases", rest ["aua"], query case=la_003. */
export interface Route {
  readonly page: string;
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
}

function currentRoute(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page = "", ...rest] = path.split("/").map(decodeURIComponent);
  return { page, rest, query: new URLSearchParams(query) };
}

export function useRoute(): Route {
  const [route, set] = useState(currentRoute);
  useEffect(() => {
    const follow = () => set(currentRoute());
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
