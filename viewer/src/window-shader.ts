import type { Niivue, NVImage } from "@niivue/niivue";
import { ImageTexture } from "./image-texture.js";

type Shader = NonNullable<Niivue["renderShader"]>;
type ShaderName = "sliceMMShader" | "renderShader" | "pickingImageShader";

/** NiiVue's shaders that look into the image. */
const NAMES: readonly ShaderName[] = ["sliceMMShader", "renderShader", "pickingImageShader"];
/** Texture units as NiiVue numbers them. */
const SAMPLERS = { volume: 0, colormap: 1, overlay: 2, drawing: 7, paqd: 8, drawSmoothed: 10 } as const;

const DECLARED = "uniform highp sampler3D volume, overlay;";
/** Grey by the window; clear where black, so that 3-D shows what is brighter. */
const WINDOW = `${DECLARED}
uniform mat4 fileOf;
uniform vec2 blackWhite;
vec4 imageAt(vec3 at) {
  float value = texture(volume, (fileOf * vec4(at, 1.0)).xyz).r;
  float grey = clamp((value - blackWhite.x) / (blackWhite.y - blackWhite.x), 0.0, 1.0);
  return vec4(vec3(grey), 0.5 * grey);
}`;

/** NiiVue's shader text with the image looked up through the window. */
function windowed(source: string): string {
  if (!source.includes(DECLARED))
    throw new Error("NiiVue's shaders are not those that this page was made for");
  return source
    .replaceAll("texture(volume, ", "imageAt(")
    .replaceAll("vec3(textureSize(volume, 0))", "texVox")
    .replace(DECLARED, WINDOW);
}

/**
 * Has the image drawn from half floats, with window and level applied where it is looked at. NiiVue itself makes a colour of
 * every voxel beforehand, anew with each change of the window or of what lies over the image, and a gradient for a lighting
 * that is off here: without a graphics card seconds for a large CT, and twelve bytes a voxel instead of two.
 */
export class WindowShader {
  #shaders: readonly Shader[] = [];
  #shown: { readonly image: NVImage; readonly texture: ImageTexture } | null = null;
  /** Of an image that has come piece by piece. */
  readonly #ready = new WeakMap<NVImage, ImageTexture>();

  constructor(readonly nv: Niivue) {}

  /** Takes over from NiiVue once it has begun. */
  begin(): void {
    const { nv } = this;
    if (nv.gl.isContextLost()) return; // the page was left while NiiVue began
    this.#shaders = NAMES.map((name) => {
      nv[name] = this.#remade(nv[name]!);
      return nv[name];
    });
    const refresh = nv.refreshLayers.bind(nv);
    nv.refreshLayers = (volume, layer) => {
      if (layer === 0) this.#refreshImage(volume as NVImage, refresh);
      else refresh(volume, layer);
    };
  }

  /** A texture for the image that is coming. */
  incoming(size: readonly [number, number, number]): ImageTexture {
    return new ImageTexture(this.nv.gl, size);
  }

  /** The image has come, and its texture with it. */
  adopt(image: NVImage, texture: ImageTexture): void {
    texture.complete(image);
    this.#ready.set(image, texture);
  }

  /** Tells the shaders the window and how the file lies; before each drawing. */
  apply(): void {
    if (!this.#shown) return;
    const { gl } = this.nv;
    const { image, texture } = this.#shown;
    const { scl_slope, scl_inter } = image.hdr!;
    const [black, white] = [image.cal_min!, image.cal_max!].map((value) =>
      texture.valueOf((value - scl_inter) / scl_slope),
    ) as [number, number];
    for (const shader of this.#shaders) {
      shader.use(gl);
      gl.uniform2f(shader.uniforms.blackWhite!, black, white === black ? black + 1e-6 : white);
      gl.uniformMatrix4fv(shader.uniforms.fileOf!, false, fileOf(image));
    }
  }

  #remade(own: Shader): Shader {
    const { gl } = this.nv;
    const [vertex, fragment] = gl.getAttachedShaders(own.program)!.map((part) => gl.getShaderSource(part)!);
    const ShaderOf = own.constructor as new (gl: WebGL2RenderingContext, v: string, f: string) => Shader;
    const made = new ShaderOf(gl, vertex!, windowed(fragment!));
    made.use(gl);
    for (const [name, unit] of Object.entries(SAMPLERS)) gl.uniform1i(made.uniforms[name] ?? null, unit);
    made.uniforms.clipPlanes = gl.getUniformLocation(made.program, "clipPlanes[0]")!;
    gl.deleteProgram(own.program);
    return made;
  }

  /** NiiVue's own preparation on one voxel instead of all, then our texture in the place of its own. */
  #refreshImage(image: NVImage, refresh: Niivue["refreshLayers"]): void {
    const { nv } = this;
    if (this.#shown?.image !== image) {
      this.#shown?.texture.close();
      this.#shown = { image, texture: this.#ready.get(image) ?? ImageTexture.of(nv.gl, image) };
    }
    const { texture } = this.#shown;
    const make = nv.rgbaTex;
    nv.volumeTexture = null;
    nv.rgbaTex = (id, unit, dims, empty) =>
      make.call(nv, id, unit, unit === nv.gl.TEXTURE0 ? [3, 1, 1, dims[3]!] : dims, empty);
    refresh(oneVoxelOf(image), 0);
    nv.rgbaTex = make;
    nv.gl.deleteTexture(nv.volumeTexture);
    nv.volumeTexture = texture.texture;
    texture.bindTo(SAMPLERS.volume);
  }
}

/** The image with its place in space and one voxel. */
function oneVoxelOf(image: NVImage): NVImage {
  const header = { ...image.hdr!, dims: [3, 1, 1, 1, 1, 1, 1, 1], datatypeCode: 4, numBitsPerVoxel: 16 };
  return Object.create(image, { hdr: { value: header }, img: { value: new Int16Array(1) } }) as NVImage;
}

/** Fractions along patient axes -> along the file's, column by column. */
function fileOf({ permRAS }: NVImage): Float32Array {
  const matrix = new Float32Array(16);
  matrix[15] = 1;
  for (let axis = 0; axis < 3; axis++) {
    const from = permRAS![axis]!;
    const row = Math.abs(from) - 1;
    matrix[4 * axis + row] = Math.sign(from);
    if (from < 0) matrix[12 + row] = 1;
  }
  return matrix;
}
