import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import h5 from "h5wasm/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDataset } from "./dataset.js";
import { imagePathsOf } from "./image-paths.js";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "penumbra-dataset-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function put(path: string, text = ""): Promise<void> {
  await mkdir(dirname(join(dir, path)), { recursive: true });
  await writeFile(join(dir, path), text);
}
const putJson = (json: object) => put("dataset.json", JSON.stringify(json));
const ids = (cases: readonly { id: string }[]) => cases.map(({ id }) => id);
const LABELS = { 0: "background", 1: "liver" };

/** Three training images, labels of a and c, a test image with a label. */
async function putDecathlon(): Promise<void> {
  const training = ["a", "b", "c"].map((id) => ({
    image: `./imagesTr/${id}.nii.gz`,
    label: `./labelsTr/${id}.nii.gz`,
  }));
  await putJson({ labels: LABELS, modality: { 0: "CT" }, training, test: ["./imagesTs/t.nii.gz"] });
  for (const path of [
    "imagesTr/a",
    "imagesTr/b",
    "imagesTr/c",
    "labelsTr/a",
    "labelsTr/c",
    "imagesTs/t",
    "labelsTs/t",
  ]) {
    await put(`${path}.nii.gz`);
  }
}

describe("Decathlon layout", () => {
  it("parts training by whether a label is there and finds the test's labels", async () => {
    await putDecathlon();
    const set = await openDataset(dir);
    expect([ids(set.labeled), ids(set.unlabeled), ids(set.test)]).toEqual([["a", "c"], ["b"], ["t"]]);
    expect(set.labeled[1]!.labelPath).toBe(join(dir, "labelsTr/c.nii.gz"));
    expect(set.test[0]!.labelPath).toBe(join(dir, "labelsTs/t.nii.gz"));
    expect([set.classNames, set.layout]).toEqual([["background", "liver"], "decathlon"]);
  });

  it("keeps the first N labels; the rest count as unlabeled and lose their paths", async () => {
    await putDecathlon();
    const { labeled, unlabeled } = await openDataset(dir, { labeled: 1 });
    expect([ids(labeled), ids(unlabeled)]).toEqual([["a"], ["b", "c"]]);
    expect(unlabeled[1]!.labelPath).toBeNull();
    await expect(openDataset(dir, { labeled: 3 })).rejects.toThrow(/3 labeled.*only 2 of the 3/);
    await expect(openDataset(dir, { labeled: 0 })).rejects.toThrow(/labeled is 0/);
  });

  it("remarks on listed labels that are not there and on images that are not listed", async () => {
    await putDecathlon();
    await put("imagesTr/d.nii.gz");
    await put("imagesTr/e.nii.gz");
    await put("imagesTr/notes.txt");
    const { remarks } = await openDataset(dir);
    expect(remarks).toEqual([
      expect.stringMatching(/dataset\.json: 1 listed label is not there \(\.\/labelsTr\/b\.nii\.gz\)/),
      expect.stringMatching(
        /imagesTr: 2 images are not listed .* under "training", as \{"image": "\.\/imagesTr\/d\.nii\.gz"\}/,
      ),
    ]);
    await put("labelsTr/b.nii.gz");
    for (const name of ["d", "e"]) await rm(join(dir, `imagesTr/${name}.nii.gz`));
    expect((await openDataset(dir)).remarks).toEqual([]);
  });

  it("finds files whose accents are composed in another way than the list's", async () => {
    const [listed, spelled, image] = ["M\u00fcller", "Mu\u0308ller", "Mu\u0308hle_0000"];
    for (const path of [`imagesTr/${spelled}`, `imagesTr/${image}`, `labelsTr/${spelled}`])
      await put(`${path}.nii.gz`);
    const training = [
      { image: `imagesTr/${listed}.nii.gz`, label: `labelsTr/${listed}.nii.gz` },
      { image: "imagesTr/M\u00fchle.nii.gz" },
    ];
    await putJson({ labels: LABELS, modality: { 0: "CT" }, training });
    const { labeled, unlabeled, remarks } = await openDataset(dir);
    expect([labeled.length, unlabeled.length, remarks]).toEqual([1, 1, []]);
  });

  it("advises to list no image of which a case of the same name is listed", async () => {
    await putDecathlon();
    await put("imagesTs/a.nii.gz");
    expect((await openDataset(dir)).remarks.at(-1)).toMatch(
      /imagesTs: 1 image is not listed .* cases of the same names are listed \(a\.nii\.gz\): take these images away$/,
    );
  });

  it("takes entries without a label, and test entries with one", async () => {
    await put("x/a.nii");
    await put("x/b.nii");
    await put("y/t.nii");
    await put("y/t-label.nii");
    const test = [{ image: "y/t.nii", label: "y/t-label.nii" }];
    await putJson({ labels: LABELS, training: ["x/a.nii", { image: "x/b.nii" }], test });
    const set = await openDataset(dir);
    expect([ids(set.labeled), ids(set.unlabeled)]).toEqual([[], ["a", "b"]]);
    expect(set.test[0]!.labelPath).toBe(join(dir, "y/t-label.nii"));
    await expect(openDataset(dir, { labeled: 1 })).rejects.toThrow(
      /none of the 2 training cases has a label/,
    );
  });

  it.each<[string, object, RegExp]>([
    [
      "a missing image",
      { training: ["imagesTr/none.nii.gz"] },
      /none\.nii\.gz: image is listed in .* but missing/,
    ],
    [
      "a path that leads out",
      { training: ["../../etc/passwd"] },
      /"\.\.\/\.\.\/etc\/passwd" leads out of the data folder/,
    ],
    ["an absolute path", { training: ["/etc/passwd"] }, /leads out of the data folder/],
    ["channels with a gap", { modality: { 0: "T1", 2: "T2" } }, /expected names numbered 0, 1, 2/],
    ["classes with a gap", { labels: { 0: "background", 2: "tumor" } }, /without a gap/],
    ["one class", { labels: { 0: "background" } }, /labels are/],
    [
      "regions of classes",
      { labels: { background: 0, all: [1, 2] } },
      /regions \("all": \[1,2\]\).* by itself/,
    ],
    ["regions named by numbers", { labels: { background: 0, 1: [1, 2] } }, /regions \("1": \[1,2\]\)/],
    ["no labels key", { labels: undefined }, /labels: /],
    ["a list that is none", { training: 5 }, /training: /],
  ])("refuses %s", async (_, json, reason) => {
    await put("imagesTr/a.nii.gz");
    await putJson({ labels: LABELS, training: ["imagesTr/a.nii.gz"], ...json });
    await expect(openDataset(dir)).rejects.toThrow(reason);
    await expect(openDataset(dir)).rejects.toMatchObject({ code: "bad-input" });
  });

  it("refuses a case that is listed for training and test", async () => {
    await put("imagesTr/a.nii.gz");
    await put("imagesTs/a.nii.gz");
    await putJson({ labels: LABELS, training: ["imagesTr/a.nii.gz"], test: ["imagesTs/a.nii.gz"] });
    await expect(openDataset(dir)).rejects.toThrow(/same case name/);
  });
});

describe("several channels", () => {
  const TWO = { 0: "T1", 1: "T2" };

  it("lie in one file, as in the Decathlon", async () => {
    await put("imagesTr/a.nii.gz");
    await putJson({ labels: LABELS, modality: TWO, training: ["imagesTr/a.nii.gz"] });
    const { unlabeled, channelNames, modality } = await openDataset(dir);
    expect(unlabeled).toEqual([{ id: "a", imagePath: join(dir, "imagesTr/a.nii.gz"), labelPath: null }]);
    expect([channelNames, modality]).toEqual([["T1", "T2"], "T1, T2"]);
  });

  it.each([
    ["listed without marks", { modality: TWO, training: ["imagesTr/a.nii.gz"] }],
    ["listed with them", { modality: TWO, training: ["imagesTr/a_0000.nii.gz"] }],
    ["not listed", { channel_names: TWO }],
  ])("have a file each, as in nnU-Net, %s", async (_, json) => {
    for (const path of ["imagesTr/a_0000", "imagesTr/a_0001", "labelsTr/a"]) await put(`${path}.nii.gz`);
    await putJson({ labels: LABELS, ...json });
    const { labeled, unlabeled } = await openDataset(dir);
    const [files] = [...labeled, ...unlabeled];
    expect(files!.id).toBe("a");
    expect(imagePathsOf(files!)).toEqual([0, 1].map((i) => join(dir, `imagesTr/a_000${i}.nii.gz`)));
  });

  it("are all there", async () => {
    await put("imagesTr/a_0000.nii.gz");
    await putJson({ labels: LABELS, channel_names: TWO });
    await expect(openDataset(dir)).rejects.toThrow(
      /a_0001\.nii\.gz: channel 1 \(T2\) of a_0000\.nii\.gz is missing/,
    );
  });

  it("are no more than dataset.json names", async () => {
    for (const i of [0, 1, 2]) await put(`imagesTr/a_000${i}.nii.gz`);
    await putJson({ labels: LABELS, channel_names: TWO });
    await expect(openDataset(dir)).rejects.toThrow(
      /a_0002\.nii\.gz: is channel 2 of its case; dataset\.json names 2 channels/,
    );
    await putJson({ labels: LABELS });
    await expect(openDataset(dir)).rejects.toThrow(
      /a_0001\.nii\.gz: is channel 1 of its case; dataset\.json names one channel/,
    );
  });
});

describe("nnU-Net 2 layout", () => {
  const json = {
    channel_names: { 0: "MRI" },
    labels: { background: 0, atrium: 1 },
    numTraining: 2,
    file_ending: ".nii",
  };

  it("finds cases by their files", async () => {
    await putJson(json);
    for (const path of [
      "imagesTr/b_0000",
      "imagesTr/a_0000",
      "labelsTr/a",
      "imagesTs/t_0000",
      "labelsTs/t",
    ]) {
      await put(`${path}.nii`);
    }
    await put("imagesTr/._a_0000.nii");
    const set = await openDataset(dir);
    expect([ids(set.labeled), ids(set.unlabeled), ids(set.test)]).toEqual([["a"], ["b"], ["t"]]);
    expect(set.labeled[0]!.imagePath).toBe(join(dir, "imagesTr/a_0000.nii"));
    expect(set.test[0]!.labelPath).toBe(join(dir, "labelsTs/t.nii"));
    expect(set.classNames).toEqual(["background", "atrium"]);
  });

  it("takes digits for the name of a class", async () => {
    await putJson({ ...json, labels: { 0: "background", 1: "205" } });
    await put("imagesTr/a_0000.nii");
    expect((await openDataset(dir)).classNames).toEqual(["background", "205"]);
  });

  it("finds them where an empty list is left, class numbers are text and channels an array", async () => {
    const labels = { background: "0", atrium: "1" };
    await putJson({ ...json, labels, channel_names: ["MRI"], training: [] });
    await expect(openDataset(dir)).rejects.toThrow(/no training image listed or in .*imagesTr/);
    await put("imagesTr/a_0000.nii");
    const set = await openDataset(dir);
    expect([ids(set.unlabeled), set.classNames, set.channelNames]).toEqual([
      ["a"],
      ["background", "atrium"],
      ["MRI"],
    ]);
  });

  it("finds images, channels and labels whose endings are in capitals", async () => {
    await putJson({ ...json, channel_names: { 0: "T1", 1: "T2" } });
    for (const path of ["imagesTr/a_0000.NII", "imagesTr/a_0001.Nii", "labelsTr/a.NII"]) await put(path);
    for (const path of ["imagesTs/t_0000.nii", "imagesTs/t_0001.nii", "labelsTs/t.NII"]) await put(path);
    const { labeled, test, remarks } = await openDataset(dir);
    expect(imagePathsOf(labeled[0]!)).toEqual(
      ["a_0000.NII", "a_0001.Nii"].map((name) => join(dir, "imagesTr", name)),
    );
    expect([labeled[0]!.labelPath, test[0]!.labelPath]).toEqual(
      ["labelsTr/a.NII", "labelsTs/t.NII"].map((path) => join(dir, path)),
    );
    expect(remarks).toEqual([]);
  });

  it("remarks on images and labels with other endings, and names the key where nothing else is there", async () => {
    await putJson(json);
    for (const path of ["imagesTr/b_0000.nii.gz", "imagesTr/c_0000.NII.GZ"]) await put(path);
    const images =
      /imagesTr: 2 files do not end in \.nii, .* \(b_0000\.nii\.gz, c_0000\.NII\.GZ\); .* set "file_ending"/;
    await expect(openDataset(dir)).rejects.toThrow(
      new RegExp(`no training image .* with the file_ending \\.nii; .*${images.source}`),
    );
    for (const path of ["imagesTr/a_0000.nii", "imagesTs/t_0000.nii"]) await put(path);
    for (const path of ["labelsTr/a.nii.gz", "labelsTs/t.mha", "labelsTs/notes.txt"]) await put(path);
    await put("imagesTr/a_0000.img"); // beside the one that is used
    expect((await openDataset(dir)).remarks).toEqual([
      expect.stringMatching(images),
      expect.stringMatching(/labelsTr: 1 file does not end in \.nii, .* \(a\.nii\.gz\)/),
      expect.stringMatching(/labelsTs: 1 file does not end in \.nii, .* \(t\.mha\)/),
    ]);
  });

  it("does not remark on files that are used, whatever their ending", async () => {
    await putJson({ ...json, channel_names: { 0: "T1", 1: "T2" }, file_ending: ".hdr" });
    for (const name of ["a_0000.hdr", "a_0000.img", "a_0001.hdr", "a_0001.img"])
      await put(`imagesTr/${name}`);
    for (const name of ["a.hdr", "a.img"]) await put(`labelsTr/${name}`);
    expect((await openDataset(dir)).remarks).toEqual([]);
    const test = [{ image: "./imagesTs/t.nrrd", label: "./labelsTs/t_seg.nrrd" }];
    await putJson({ labels: LABELS, training: ["./imagesTr/a_0000.hdr"], test });
    for (const path of ["imagesTs/t.nrrd", "labelsTs/t_seg.nrrd"]) await put(path);
    expect((await openDataset(dir)).remarks).toEqual([]);
  });

  it("refuses a channel that is not named", async () => {
    await putJson(json);
    await put("imagesTr/a_0000.nii");
    await put("imagesTr/a_0001.nii");
    await expect(openDataset(dir)).rejects.toThrow(
      /a_0001\.nii: is channel 1 of its case; .* if _0001 is a case's number, put _0000 after it/,
    );
  });
});

describe("left-atrium h5 layout", () => {
  async function putCase(id: string, names: string[]): Promise<void> {
    await mkdir(join(dir, id));
    await h5.ready;
    const file = new h5.File(join(dir, id, "mri_norm2.h5"), "w");
    for (const name of names) file.create_dataset({ name, data: new Float32Array(8), shape: [2, 2, 2] });
    file.close();
  }

  it("reads the lists; a case without a label dataset is unlabeled", async () => {
    await put("train.list", "A\r\nB\n\n");
    await put("test.list", "C");
    await putCase("A", ["image", "label"]);
    await putCase("B", ["image"]);
    await putCase("C", ["image", "label"]);
    const set = await openDataset(dir);
    expect([ids(set.labeled), ids(set.unlabeled), ids(set.test)]).toEqual([["A"], ["B"], ["C"]]);
    expect(set.labeled[0]!.labelPath).toBe(join(dir, "A", "mri_norm2.h5"));
    expect([set.layout, set.classNames]).toEqual(["la-h5", ["background", "left atrium"]]);
  });

  it.each([
    ["a case that is missing", "A\n", /mri_norm2\.h5: no such file/],
    ["a name that leads out", "../A\n", /"\.\.\/A" is no case name/],
    ["a case twice", "A\nA\n", /A is listed twice/],
    ["an empty list", "\n", /lists no case/],
  ])("refuses %s", async (_, list, reason) => {
    await put("train.list", list);
    await expect(openDataset(dir)).rejects.toThrow(reason);
  });
});

describe("folders that can't be looked into", () => {
  it.each(["imagesTr", "labelsTr", "imagesTs", "labelsTs", "labelsCorrected"])(
    "%s: no missing files",
    async (folder) => {
      await putDecathlon();
      await rm(join(dir, folder), { recursive: true, force: true });
      await symlink(folder, join(dir, folder)); // as a closed one, which root may look into
      await expect(openDataset(dir)).rejects.toThrow(
        new RegExp(`/${folder}\\S*: can't be read: .*\\(ELOOP\\)$`),
      );
      await putJson({ labels: LABELS }); // without lists
      await expect(openDataset(dir)).rejects.toThrow(/can't be read: .*\(ELOOP\)$/);
    },
  );
});

it.each([
  ["two classes of one name", { labels: { 0: "background", 1: "lobe", 2: "lobe" } }, /"lobe": two classes/],
  ["a class without a name", { labels: { 0: "background", 1: " " } }, /" ": it is empty/],
  [
    "a class that colors terminals",
    { labels: { background: 0, "\u001b[31m": 1 } },
    /it is empty or has control/,
  ],
  [
    "a channel without a name",
    { labels: LABELS, channel_names: { 0: "" } },
    /channels are \{"0":""\}; .* none empty/,
  ],
])("refuses %s", async (_, json, reason) => {
  await putJson(json);
  await expect(openDataset(dir)).rejects.toThrow(reason);
});

it("says when there is no folder, no layout, or a damaged dataset.json", async () => {
  await expect(openDataset(join(dir, "none"))).rejects.toThrow(/no such folder/);
  await expect(openDataset(dir)).rejects.toThrow(/neither dataset\.json .* nor train\.list/);
  await put("dataset.json", "{");
  await expect(openDataset(dir)).rejects.toThrow(/dataset\.json: not valid JSON/);
  await expect(openDataset(join(dir, "dataset.json"))).rejects.toThrow(/dataset\.json: is a file/);
  await putJson({ labels: { background: 0, liver: 1, ignore: 2 }, training: [] });
  await expect(openDataset(dir)).rejects.toThrow(
    /nnU-Net's "ignore".* are not supported: .* hold 2 or relabel/,
  );
});
