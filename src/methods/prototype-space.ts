/** What prototypes are of: the embedding z, or the mean logits. */
export type PrototypeSpace = "features" | "outputs";

/** Where the contrast against prototypes takes place; Li et al. 2021 (SDCA) do both. */
export type PrototypeSpaces = PrototypeSpace | "both";

/** The spaces that a choice stands for. */
export const SPACES: Record<PrototypeSpaces, readonly PrototypeSpace[]> = {
  features: ["features"],
  outputs: ["outputs"],
  both: ["features", "outputs"],
};

/** What a space is called among loss terms, and where its prototypes are in a state. */
export const SPACE_NAMES: Record<PrototypeSpace, { readonly term: string; readonly state: string }> = {
  features: { term: "prototype", state: "prototypes" },
  outputs: { term: "outputPrototype", state: "outputPrototypes" },
};
