import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { decode } from "fast-png";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openDataset } from "../src/data/dataset.js";
import { startViewer, type Viewer } from "../src/viewer/server.js";
import { readLabelMap } from "../src/volume/read.js";
import type { Grid } from "../src/volume/volume.js";
import { type Browser, CHROMIUM, hasBrowser, openBrowser } from "./browser.js";
import { tinyArguments } from "./made-up-data.js";
import {
  logLine,
  putBrokenScans,
  putLargeScan,
  putOddScan,
  putPlacedScans,
  type ViewerFixture,
  viewerFixture,
} from "./viewer-fixture.js";

/** What the pages leave for tests: the scene of the case that is open. */
declare const scene: {
  isFull: boolean;
  image: { global_min: number; global_max: number; hdr: { affine: number[][] } };
  nv: {
    opts: { isOrientationTextVisible: boolean };
    gl: WebGL2RenderingContext;
    drawScene(): void;
    screenSlices: { axCorSag: number; leftTopWidthHeight: number[] }[];
    scene: { crosshairPos: number[] };
    frac2mm(frac: number[], volume: number, world: boolean): ArrayLike<number>;
    drawBitmap: Uint8Array | null;
    meshes: { visible: boolean; opacity: number }[];
  };
};

/** Of a voxel, in mm. */
function placeOf(index: number, { shape: [, height, width], affine }: Grid): number[] {
  const voxel = [index % width, Math.floor(index / width) % height, Math.floor(index / (width * height))];
  return [0, 1, 2].map((row) => {
    const [a, b, c, t] = affine!.slice(4 * row, 4 * row + 4) as [number, number, number, number];
    return a * voxel[0]! + b * voxel[1]! + c * voxel[2]! + t;
  });
}

const why = hasBrowser ? "" : ` (skipped: no ${CHROMIUM}; apt-get install chromium)`;

describe.skipIf(!hasBrowser)(`the viewer in a browser${why}`, () => {
  const root = mkdtempSync(join(tmpdir(), "penumbra-browser-"));
  let fixture: ViewerFixture;
  let viewer: Viewer;
  let browser: Browser;
  beforeAll(async () => {
    fixture = await viewerFixture(root);
    putLargeScan(join(root, "large"));
    await putOddScan(join(root, "odd"));
    putPlacedScans(join(root, "placed"));
    await putBrokenScans(join(root, "broken"));
    viewer = await startViewer({ dir: root, port: 0 });
    browser = await openBrowser(new URL(viewer.url).origin);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await viewer?.close();
    rmSync(root, { recursive: true });
  }, 60_000);

  const go = async (hash: string, selector: string) => {
    await browser.page.goto("about:blank");
    await browser.page.goto(`${viewer.url}${hash}`);
    await browser.page.waitForSelector(selector);
  };
  const openCase = async (id: string) => {
    await go(`#/cases/made-up?case=${id}`, ".stage .volume");
    await browser.page.waitForFunction(() => scene?.isFull);
    await browser.page.waitForFunction(() => !document.querySelector(".status"));
  };
  /** The picture once it has stopped changing. */
  const picture = async (): Promise<Buffer> => {
    const take = () => browser.page.locator(".stage").screenshot();
    let before = await take();
    for (let i = 0; i < 20; i++) {
      const now = await take();
      if (now.equals(before)) return now;
      before = now;
    }
    throw new Error("the picture does not come to rest");
  };

  /** Of the middle of the axial tile's crosshair, 0 to 255. */
  const brightnessAtCrosshair = () =>
    browser.page.evaluate(() => {
      const { gl, screenSlices, scene: view } = scene.nv;
      const axial = screenSlices.find(({ axCorSag }) => axCorSag === 0)!;
      const [left, top, width, height] = axial.leftTopWidthHeight as [number, number, number, number];
      const [x, y] = [left + (1 - view.crosshairPos[0]!) * width, top + (1 - view.crosshairPos[1]!) * height];
      const pixel = new Uint8Array(4);
      scene.nv.drawScene();
      gl.readPixels(Math.floor(x), gl.canvas.height - Math.floor(y), 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
      return pixel[0]!;
    });

  it("shows every page without a complaint, and asks nobody else for anything", async () => {
    await go("", ".card");
    await go("#/training?run=made-up", ".chart .u-over");
    expect(await browser.page.locator(".chart").count()).toBeGreaterThanOrEqual(5);
    await openCase("te0");
    await go("#/features/made-up", "main.sheet h1");
    await go("#/next/made-up", "main.sheet h1");
    await go("#/data/data", ".list tbody tr");
    expect(await browser.page.locator(".list tbody tr").count()).toBe(6);
    expect(browser.complaints).toEqual([]);
  });

  it("lists the worst case first, and turns the order around", async () => {
    await go("#/cases/made-up", ".list tbody tr");
    const names = () => browser.page.locator(".list tbody tr td:first-child a").allTextContents();
    const dice = async () =>
      (await browser.page.locator(".list td.bar").allTextContents())
        .filter((text) => text !== "–")
        .map(Number);
    const [first, second] = await dice();
    expect(first!).toBeLessThan(second!);
    const worst = (await names())[0];
    await browser.page.getByRole("button", { name: "Dice" }).click();
    expect((await dice())[0]).toBe(second);
    await browser.page.getByLabel("Dice limit").fill(String(first));
    expect(await names()).toEqual([worst]);
  });

  it("leads from a dot of a comparison to its case", async () => {
    await go("#/comparison", "svg.dots");
    expect(await browser.page.locator(".numbers").first().textContent()).toContain("aua");
    await browser.page.locator("svg.dots a").filter({ hasText: "te1" }).click();
    await browser.page.locator(".case h2").filter({ hasText: "te1" }).waitFor();
    expect(browser.complaints).toEqual([]);
  });

  it("changes the picture with each layer, and changes it back", async () => {
    await openCase("te0");
    await browser.page.locator("[data-layer=prediction]").check();
    const start = await picture();
    const seen = [start];
    for (const layer of ["reference", "prediction", "disagreement", "uncertainty", "samples"]) {
      const box = browser.page.locator(`[data-layer=${layer}]`);
      await box.click();
      await browser.page.waitForFunction(() => !document.querySelector(".status"));
      const changed = await picture();
      expect(
        seen.some((other) => other.equals(changed)),
        layer,
      ).toBe(false);
      seen.push(changed);
      await box.click();
      expect((await picture()).equals(start), `${layer}, back`).toBe(true);
    }
  });

  it("draws voxels as bright as the window says", async () => {
    await openCase("te0");
    for (const layer of ["reference", "prediction"])
      await browser.page.locator(`[data-layer=${layer}]`).uncheck();
    /** Mean brightness of the axial slice, 0 to 255. */
    const brightness = () =>
      browser.page.evaluate(() => {
        const { gl, screenSlices } = scene.nv;
        const axial = screenSlices.find(({ axCorSag }) => axCorSag === 0)!;
        const [left, top, width, height] = axial.leftTopWidthHeight.map(Math.round) as [
          number,
          number,
          number,
          number,
        ];
        const pixels = new Uint8Array(4 * width * height);
        scene.nv.drawScene();
        gl.readPixels(
          left,
          gl.canvas.height - top - height,
          width,
          height,
          gl.RGBA,
          gl.UNSIGNED_BYTE,
          pixels,
        );
        return pixels.reduce((sum, value, i) => (i % 4 === 3 ? sum : sum + value), 0) / (3 * width * height);
      });
    const width = browser.page.locator(".panel", { hasText: "Window" }).getByRole("slider").first();
    const level = browser.page.locator(".panel", { hasText: "Window" }).getByRole("slider").nth(1);
    await width.press("Home");
    await level.press("Home"); // everything lies above the window
    await vi.waitUntil(async () => (await brightness()) > 150, { timeout: 5000 }); // the tile is larger than the image
    await level.press("End"); // everything lies below it
    await vi.waitUntil(async () => (await brightness()) < 20, { timeout: 5000 });
    await browser.page.keyboard.press("a");
    await vi.waitUntil(async () => (await brightness()) > 40, { timeout: 5000 });
    expect(await brightness()).toBeLessThan(150);
  });

  it("shows a large scan coarsely while it comes, then as it is", async () => {
    await go("#/data/large", ".stage .volume");
    await browser.page.waitForFunction(() => performance.getEntriesByName("whole image").length > 0);
    const marks = await browser.page.evaluate(() =>
      performance
        .getEntriesByType("mark")
        .map(({ name }) => name)
        .filter((name) => name.endsWith("image")),
    );
    const range = await browser.page.evaluate(() => [scene.image.global_min, scene.image.global_max]);
    expect(range, "of all voxels, also those between the coarse ones").toEqual([0, 4000]);
    expect(marks[0]).toBe("coarse image");
    expect(marks.at(-1)).toBe("whole image");
    await browser.page.locator(".readout-line").filter({ hasText: "voxel 100, 100, 65" }).waitFor();
    expect(await browser.page.locator(".readout-line").textContent()).toContain("intensity 1234");
    expect(browser.complaints).toEqual([]);
  });

  it("shows another outline for another sample", async () => {
    await openCase("te0");
    await browser.page.locator("[data-layer=samples]").check();
    await browser.page.getByText("all outlines faintly").click();
    const slider = browser.page.getByLabel("sample", { exact: true });
    const pictures: Buffer[] = [];
    for (const value of ["0", "3", "0"]) {
      await slider.fill(value);
      pictures.push(await picture());
    }
    expect(pictures[0]!.equals(pictures[1]!)).toBe(false);
    expect(pictures[0]!.equals(pictures[2]!)).toBe(true);
  });

  /** Paints one voxel of an open case on a plane as NiiVue numbers it and saves; where that was (mm), and what the new file holds. */
  const paintOne = async (file: string, plane: number) => {
    const { page } = browser;
    await page.getByText("draw on the slices").click();
    await page.waitForFunction(() => scene.nv.drawBitmap !== null);
    await page.getByLabel("begin with").selectOption("nothing");
    await page.getByLabel("pen", { exact: false }).and(page.locator("input[type=range]")).fill("1");
    const [x, y] = await page.evaluate((wanted) => {
      const tile = scene.nv.screenSlices.find(({ axCorSag }) => axCorSag === wanted)!;
      const [left, top, width, height] = tile.leftTopWidthHeight as [number, number, number, number];
      return [left + 0.3 * width, top + 0.35 * height];
    }, plane);
    await page.locator(".stage .volume").click({ position: { x: x!, y: y! } });
    await page.waitForFunction(() => scene.nv.drawBitmap!.some((value) => value === 1));
    const mm = await page.evaluate(() =>
      Array.from(scene.nv.frac2mm(scene.nv.scene.crosshairPos, 0, true)).slice(0, 3),
    );
    await page.getByRole("button", { name: "save as a new version" }).click();
    await page.getByText("saved as version 1").waitFor();
    return { mm, ...(await readLabelMap(file)) };
  };

  it("saves what is drawn: the voxel under the pointer, on the image's own grid, beside the data", async () => {
    await openCase("tr2");
    const { page } = browser;
    const { mm, data, grid } = await paintOne(join(fixture.data, "labelsCorrected", "tr2_v1.nii.gz"), 2);
    const drawn = [...data.keys()].filter((i) => data[i] !== 0);
    expect(drawn).toHaveLength(1);
    const place = placeOf(drawn[0]!, grid);
    const edges = [1.5, 1, 2]; // of the made-up grid, along x, y, z
    for (const axis of [0, 1, 2])
      expect(Math.abs(place[axis]! - mm[axis]!)).toBeLessThanOrEqual(edges[axis]! / 2 + 1e-3);
    expect((await openDataset(fixture.data)).labeled.map(({ id }) => id)).toContain("tr2");
    await page.locator(".list tr[aria-current] .mark-corrected").waitFor();
    expect(browser.complaints).toEqual([]);
  });

  it("shows sagittal planes with the front at the left, lines where the image is", async () => {
    await openCase("tr2");
    const { page } = browser;
    const at = (part: number) =>
      page.evaluate((across) => {
        const sagittal = scene.nv.screenSlices.find(({ axCorSag }) => axCorSag === 2)!;
        const [left, top, width, height] = sagittal.leftTopWidthHeight as [number, number, number, number];
        return { x: left + across * width, y: top + 0.5 * height, top };
      }, part);
    const { x, y, top } = await at(0.3);
    await page.locator(".stage .volume").click({ position: { x, y } });
    await page.waitForFunction(() => scene.nv.scene.crosshairPos[1]! > 0.6);
    const isDrawn = (column: number) =>
      page.evaluate(
        ([from, row]) => {
          const context = document.querySelector<HTMLCanvasElement>("canvas.lines")!.getContext("2d")!;
          return context.getImageData(from! - 2, row!, 5, 1).data.some((value) => value > 0);
        },
        [Math.round(column), Math.round(top) + 4],
      );
    expect(await isDrawn(x), "the crosshair's line").toBe(true);
    expect(await isDrawn((await at(0.7)).x), "mirrored").toBe(false);
  });

  it("draws the reference in 3-D opaque where it is alone, else as clear as its slider says", async () => {
    const { page } = browser;
    await openCase("te0");
    const opacities = () =>
      page.evaluate(() =>
        scene.nv.meshes.filter(({ visible }) => visible).map(({ opacity }) => Number(opacity.toFixed(2))),
      );
    const become = (wanted: number[]) =>
      vi.waitFor(async () => expect((await opacities()).sort()).toEqual(wanted), { timeout: 5000 });
    await page.locator("[data-layer=reference]").check();
    await page.locator("[data-layer=prediction]").check();
    await become([0.4, 1]);
    const slider = page.getByLabel("reference, opacity");
    await slider.fill("0.5");
    await become([0.7, 1]);
    await slider.fill("0");
    await page.locator("[data-layer=prediction]").uncheck();
    await become([1]);
    await page.locator("[data-layer=prediction]").check();
  });

  it("shows a scan with a voxel far out of range, and says where a file is damaged", async () => {
    const { page } = browser;
    await go("#/data/broken?case=spike", ".stage .volume");
    await page.waitForFunction(() => scene?.isFull && !document.querySelector(".status"));
    expect(await brightnessAtCrosshair()).toBeGreaterThan(200);
    expect(await page.evaluate(() => scene.image.global_max)).toBe(1e9);
    const level = page.locator(".panel", { hasText: "Window" }).getByRole("slider").nth(1);
    expect(Number(await level.getAttribute("max"))).toBe(200 + 16 * 200);
    expect(browser.complaints).toEqual([]);
    vi.spyOn(console, "error").mockImplementationOnce(() => {}); // the server's line
    await go("#/data/broken?case=half", ".stage .volume");
    await page.locator(".status").filter({ hasText: "did not come whole: it is damaged" }).waitFor();
    vi.restoreAllMocks();
    browser.complaints.length = 0;
  });

  it("keeps the open case while the list is filtered, and has one row in the order of Tab", async () => {
    const { page } = browser;
    await openCase("te0");
    const stops = () => page.locator(".list tbody a:not([tabindex='-1'])").allTextContents();
    expect(await stops()).toEqual(["te0"]);
    await page.getByLabel("name contains").fill("te1");
    await vi.waitFor(async () => expect(await stops()).toEqual(["te1"]));
    await page.locator(".tabs button", { hasText: "unlabeled" }).first().click();
    await page.getByLabel("name contains").fill("");
    expect(await page.locator(".case h2").textContent()).toBe("te0");
    await go("#/cases/made-up", ".stage .volume");
    const first = (await page.locator(".list tbody a").allTextContents())[0]!;
    expect(await page.locator(".case h2").textContent(), "the worst, at the start").toBe(first);
    await page.getByLabel("name contains").fill(first === "te0" ? "te1" : "te0");
    await vi.waitUntil(async () => (await page.locator(".list tbody tr").count()) === 1);
    expect(await page.locator(".case h2").textContent()).toBe(first);
    expect(await page.getByRole("img", { name: `slices and 3-D of ${first}` }).count()).toBe(1);
    expect(browser.complaints).toEqual([]);
  });

  it("has all tabs and dots that can be hit on a narrow screen", async () => {
    const { page } = browser;
    await page.setViewportSize({ width: 420, height: 800 });
    try {
      await go("#/comparison", "svg.dots");
      const ends = await page
        .locator(".topbar nav a")
        .evaluateAll((tabs) => tabs.map((tab) => tab.getBoundingClientRect().right));
      expect(ends.length).toBeGreaterThanOrEqual(6);
      expect(Math.max(...ends)).toBeLessThanOrEqual(420);
      expect((await page.locator("svg.dots").boundingBox())!.width).toBeGreaterThanOrEqual(640);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(420);
    } finally {
      await page.setViewportSize({ width: 1280, height: 800 });
    }
  });

  it("loses nothing that is drawn: undo ends at the start, a save is gone on from, and leaving asks", async () => {
    const { page } = browser;
    await openCase("te0");
    await page.locator("[data-layer=reference]").uncheck();
    await page.getByText("draw on the slices").click();
    const drawn = () => page.evaluate(() => scene.nv.drawBitmap?.reduce((n, v) => n + (v ? 1 : 0), 0) ?? 0);
    await vi.waitUntil(async () => (await drawn()) > 0, { timeout: 5000 }); // begins with the reference, though it is off
    const start = await drawn();
    await page.keyboard.press("z");
    expect(await drawn(), "nothing to undo").toBe(start);
    await page.getByLabel("pen", { exact: false }).and(page.locator("input[type=range]")).fill("1");
    const paintAt = async (part: number) => {
      const before = await drawn();
      const [x, y] = await page.evaluate((across) => {
        const axial = scene.nv.screenSlices.find(({ axCorSag }) => axCorSag === 0)!;
        const [left, top, width, height] = axial.leftTopWidthHeight as [number, number, number, number];
        return [left + across * width, top + 0.08 * height];
      }, part);
      await page.locator(".stage .volume").click({ position: { x: x!, y: y! } });
      await vi.waitUntil(async () => (await drawn()) === before + 1, { timeout: 5000 });
    };
    await paintAt(0.3);
    await paintAt(0.5);
    await page.keyboard.press("z");
    await vi.waitUntil(async () => (await drawn()) === start + 1, { timeout: 5000 });
    const save = async (version: number) => {
      await page.getByRole("button", { name: "save as a new version" }).click();
      await page.getByText(`saved as version ${version}`).waitFor();
      const { data } = await readLabelMap(join(fixture.data, "labelsCorrected", `te0_v${version}.nii.gz`));
      return data.reduce((n, v) => n + (v ? 1 : 0), 0);
    };
    expect(await save(1)).toBe(start + 1);
    await paintAt(0.7);
    expect(await save(2)).toBe(start + 2);

    await paintAt(0.85);
    const asked: string[] = [];
    let answer = false;
    page.on("dialog", (dialog) => {
      asked.push(dialog.message());
      void (answer ? dialog.accept() : dialog.dismiss());
    });
    await page.locator(".list tbody tr a").filter({ hasText: "te1" }).click();
    await page.keyboard.press("d");
    expect(asked).toHaveLength(2);
    await page.evaluate(() => {
      location.hash = "#/"; // as the browser's way back
    });
    await vi.waitUntil(() => asked.length === 3, { timeout: 5000 });
    expect(await page.evaluate(() => location.hash)).toContain("case=te0");

    await page.route("**/label", (route) => route.fulfill({ status: 500, body: "the disk is full" }));
    await page.getByRole("button", { name: "save as a new version" }).click();
    await page.locator(".draw .alarm").filter({ hasText: "the disk is full" }).waitFor();
    browser.complaints.length = 0; // the browser's own of the status
    await page.locator(".list tbody tr a").filter({ hasText: "te1" }).click();
    expect(asked, "what could not be saved is not").toHaveLength(4);
    expect(await page.locator(".case h2").textContent()).toBe("te0");
    expect(await drawn()).toBe(start + 3);
    answer = true;
    await page.locator(".list tbody tr a").filter({ hasText: "te1" }).click();
    await page.locator(".case h2").filter({ hasText: "te1" }).waitFor();
    expect(asked).toHaveLength(5);
    await openCase("te0"); // of a test case the reference stays its own label
    await page.locator("[data-layer=reference]").check();
    await page.getByText("draw on the slices").click();
    await vi.waitUntil(async () => (await drawn()) === start + 2, { timeout: 5000 });
    await page.getByLabel("begin with").selectOption("reference");
    await vi.waitUntil(async () => (await drawn()) === start, { timeout: 5000 });
    expect(browser.complaints).toEqual([]);
  });

  it("gives what can't be saved to the person, and asks while a save is under way", async () => {
    const { page } = browser;
    await page.unrouteAll();
    page.removeAllListeners("dialog");
    await openCase("te1");
    await page.getByText("draw on the slices").click();
    await page.waitForFunction(() => scene.nv.drawBitmap !== null);
    const [x, y] = await page.evaluate(() => {
      const axial = scene.nv.screenSlices.find(({ axCorSag }) => axCorSag === 0)!;
      const [left, top, width, height] = axial.leftTopWidthHeight as [number, number, number, number];
      return [left + 0.3 * width, top + 0.08 * height];
    });
    await page.locator(".stage .volume").click({ position: { x: x!, y: y! } });
    let answerNow = () => {};
    const waiting = new Promise<void>((resolve) => {
      answerNow = resolve;
    });
    await page.route("**/label", async (route) => {
      await waiting;
      await route.fulfill({ status: 500, body: "no room" });
    });
    const asked: string[] = [];
    page.on("dialog", (dialog) => {
      asked.push(dialog.message());
      void dialog.dismiss();
    });
    await page.getByRole("button", { name: "save as a new version" }).click();
    await page.locator(".list tbody tr a").filter({ hasText: "te0" }).click();
    await vi.waitUntil(() => asked.length > 0, { timeout: 5000 });
    answerNow();
    await page.locator(".draw .alarm").filter({ hasText: "no room" }).waitFor();
    browser.complaints.length = 0;
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "download what is drawn" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("te1.nii.gz");
    const file = join(root, "downloaded.nii.gz");
    await download.saveAs(file);
    const { data, grid } = await readLabelMap(file);
    const reference = await readLabelMap(join(fixture.data, "labelsTs/te1.nii.gz"));
    expect(grid.affine).toEqual(reference.grid.affine);
    const changed = [...data.keys()].filter((i) => data[i] !== reference.data[i]);
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.length).toBeLessThanOrEqual(9);
    expect(browser.complaints).toEqual([]);
    await page.unrouteAll();
    page.removeAllListeners("dialog");
  });

  it("lays an image by its sform where a qform says otherwise, and names no side where neither is set", async () => {
    const { page } = browser;
    const shownOf = async (name: string) => {
      await go(`#/data/placed?case=${name}`, ".stage .volume");
      await page.waitForFunction(() => scene?.isFull && !document.querySelector(".status"));
      return page.evaluate(() => ({
        affine: [0, 1, 2].map((axis) => scene.image.hdr.affine[axis]![axis]!),
        letters: scene.nv.opts.isOrientationTextVisible,
        readout: document.querySelector(".readout-line")!.textContent,
      }));
    };
    const both = await shownOf("both");
    expect(both).toMatchObject({ affine: [1.5, 1, 2], letters: true });
    expect(both.readout).toContain(" mm");
    const nowhere = await shownOf("nowhere");
    expect(nowhere).toMatchObject({ affine: [-1.5, -1, 2], letters: false });
    expect(nowhere.readout).not.toContain(" mm");
    expect(nowhere.readout).toContain("voxel");
    expect(browser.complaints).toEqual([]);
  });

  it("shows and saves an image whose axes lie otherwise at its right place, with a colour for each class", async () => {
    const { page } = browser;
    await go("#/data/odd", ".stage .volume");
    await page.waitForFunction(() => scene?.isFull && !document.querySelector(".status"));
    await page.getByRole("button", { name: "second" }).click();
    const readout = page.locator(".readout-line");
    await readout.filter({ hasText: "intensity 700" }).waitFor();
    expect(await readout.textContent()).toContain("reference second");
    expect(await readout.textContent(), "i, j, k of the file").toContain("voxel 6, 5, 4");
    const both = await picture();
    await page.getByLabel("show second").uncheck();
    expect((await picture()).equals(both)).toBe(false);
    await page.getByLabel("show second").check();
    expect((await picture()).equals(both)).toBe(true);
    await page.locator("[data-layer=reference]").uncheck();
    expect(await brightnessAtCrosshair(), "the block is the image's brightest").toBeGreaterThan(250);
    for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowLeft");
    expect(await brightnessAtCrosshair(), "beside the block").toBeLessThan(60);

    const { mm, data, grid } = await paintOne(join(root, "odd", "labelsCorrected", "scan_v1.nii.gz"), 0);
    const drawn = [...data.keys()].filter((i) => data[i] !== 0);
    expect(drawn).toHaveLength(1);
    const place = placeOf(drawn[0]!, grid);
    expect(Math.hypot(...place.map((value, axis) => value - mm[axis]!))).toBeLessThan(1.4);
    expect(browser.complaints).toEqual([]);
  });

  it("gives its connection back while nobody looks, and shows the same curves after", async () => {
    const { page } = browser;
    // long enough to be smoothed, over neighbours: iterations that come twice would show
    writeFileSync(
      join(fixture.run, "log.jsonl"),
      Array.from({ length: 200 }, (_, i) => logLine(i + 1)).join(""),
    );
    await go("#/training?run=made-up", ".chart .u-over");
    await page.locator(".live.live").waitFor();
    const hide = (hidden: boolean) =>
      page.evaluate((value) => {
        Object.defineProperty(document, "hidden", { value, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, hidden);
    const chart = page.locator(".chart").first();
    await page.mouse.move(0, 0);
    const before = await chart.screenshot();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await hide(true);
    await hide(false);
    await vi.waitUntil(() => asked.some((url) => url.includes("api/events")), { timeout: 5000 });
    await setTimeout(1000); // for the log to come again
    const [first, second] = [decode(before), decode(await chart.screenshot())];
    const other = second.data.filter((value, i) => Math.abs(value - first.data[i]!) > 60);
    expect(other.length).toBeLessThan(60);
    expect(browser.complaints).toEqual([]);
  });

  it("keeps its curves when the server is gone, and says so when another answers", async () => {
    const first = await startViewer({ dir: root, port: 0 });
    await browser.page.goto("about:blank");
    await browser.page.goto(`${first.url}#/training?run=made-up`);
    await browser.page.locator(".live.live").waitFor();
    await browser.page.locator(".chart .u-over").nth(4).waitFor(); // drawn before the server goes
    await first.close();
    await browser.page.locator(".live.reconnecting").waitFor();
    const second = await startViewer({ dir: root, port: Number(new URL(first.url).port) });
    await browser.page.locator(".live.lost").filter({ hasText: "penumbra view" }).waitFor();
    expect(await browser.page.locator(".chart .u-over").count()).toBeGreaterThanOrEqual(5);
    await second.close();
    browser.complaints.length = 0; // the browser complains of both
  });

  it("moves the curves while a training runs, without a reload", { timeout: 240_000 }, async () => {
    const run = join(root, "trained");
    const { page } = browser;
    const training = spawn(
      process.execPath,
      [
        ...["bin/penumbra.js", "train", "--data", fixture.data, "--out", run, "--method", "supervised"],
        ...tinyArguments("supervised.iterations=100000", "validation.every=10"),
      ],
      { cwd: fileURLToPath(new URL("..", import.meta.url)), stdio: "ignore" },
    );
    const ended = once(training, "exit");
    try {
      await vi.waitUntil(() => existsSync(join(run, "log.jsonl")), { timeout: 90_000 });
      await setTimeout(2100); // a walk through the directories is believed for 2 s
      await go("#/training?run=trained", ".chart .u-over");
      const chip = page.locator(".chip[aria-pressed=true] small");
      const done = async () => Number((await chip.textContent())!.split("/")[0]);
      const chart = page.locator(".chart").first();
      const [early, before] = [await done(), await chart.screenshot()];
      await vi.waitUntil(async () => (await done()) >= early + 5, { timeout: 90_000 });
      // the count may come before the curves
      await vi.waitUntil(async () => !(await chart.screenshot()).equals(before), { timeout: 30_000 });
      await page.locator(".validation img").first().waitFor();
      await go("#/features/trained", ".scatter canvas");
      expect(browser.complaints).toEqual([]);
    } finally {
      training.kill("SIGTERM");
      await ended;
    }
  });
});
