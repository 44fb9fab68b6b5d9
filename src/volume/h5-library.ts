import h5 from "h5wasm";

type Library = Awaited<typeof h5.ready>;
export type H5File = InstanceType<typeof h5.File>;

/** Streams of the library's file system that are its own: input, output, errors. */
const OWN_STREAMS = 3;

/** The library, whose file system is in memory and holds nothing: links and external data lead nowhere. */
const emptyLibrary: Promise<Library> = h5.ready.then((library) => {
  library.activate_throwing_error_handler();
  const devices = library.FS.readdir("/dev").filter(
    (name: string) => !name.startsWith(".") && name !== "shm",
  );
  for (const name of devices) library.FS.unlink(`/dev/${name}`);
  return library;
});

let opened = 0;

/**
 * Does the work with a file of these bytes in the library's memory. It has a name of its own: after an error the library may
 * take a file of the same name for the one it had open. @throws what the work throws, or the library at damaged bytes
 */
export async function withH5File<T>(bytes: Uint8Array, work: (file: H5File) => T): Promise<T> {
  const library = await emptyLibrary;
  const path = `/${opened++}.h5`;
  try {
    library.FS.writeFile(path, bytes);
    return keepingStack(library, () => {
      const file = new h5.File(path, "r");
      try {
        return work(file);
      } finally {
        closeQuietly(file);
      }
    });
  } finally {
    tidy(library);
    library.FS.unlink(path);
  }
}

/** Of a damaged file the library may fail to close what it opened; that has been said by then. */
function closeQuietly(file: H5File): void {
  try {
    file.close();
  } catch {}
}

/**
 * An error flies out of the library over its C frames, whose share of its 2 MiB of stack would be lost: after some two
 * thousand the library would be broken. `ccall`, which calls a function by name, puts the stack back when the function
 * returns and was given a text, so it calls the work, and the error waits outside.
 */
function keepingStack<T>(library: Library, work: () => T): T {
  const outcome: { value?: T; error?: unknown } = {};
  const guarded = () => {
    try {
      outcome.value = work();
    } catch (error) {
      outcome.error = error;
    }
  };
  Object.assign(library, { _guarded: guarded });
  library.ccall("guarded", null, ["string"], ["x"]);
  if ("error" in outcome) throw outcome.error;
  return outcome.value as T;
}

/** What the file system has beside its declared type. */
type OpenStream = Parameters<Library["FS"]["close"]>[0] & { readonly fd: number };

/** Each error leaves a temporary file that its text was put together in, and perhaps the damaged file, open. */
function tidy({ FS }: Library): void {
  const { streams } = FS as unknown as { readonly streams: readonly (OpenStream | null)[] };
  for (const stream of streams) if (stream && stream.fd >= OWN_STREAMS) FS.close(stream);
  for (const name of FS.readdir("/tmp")) if (!name.startsWith(".")) FS.unlink(`/tmp/${name}`);
}
