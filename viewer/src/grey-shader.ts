import type { Niivue } from "@niivue/niivue";

const VERTEX = `#version 300 es
precision highp float;
in vec3 vPos;
out vec2 place;
void main(void) {
  place = vPos.xy;
  gl_Position = vec4((vPos.xy - vec2(0.5)) * 2.0, 0.0, 1.0);
}`;

/** A slice of stored voxels as grey values in NiiVue's axes: black and clear at the window's low end, white at its high end. */
// One uniform a line: NiiVue finds their names that way.
const fragment = (sampler: string) => `#version 300 es
precision highp int;
precision highp float;
uniform highp ${sampler} intensityVol;
uniform float coordZ;
uniform float scl_slope;
uniform float scl_inter;
uniform float cal_min;
uniform float cal_max;
uniform float opacity;
uniform mat4 mtx;
in vec2 place;
out vec4 colour;
void main(void) {
  vec3 size = vec3(textureSize(intensityVol, 0));
  vec3 at = clamp((vec4(place, coordZ, 1.0) * mtx).xyz * size, vec3(0.0), size - 1.0);
  float value = scl_slope * float(texelFetch(intensityVol, ivec3(at), 0).r) + scl_inter;
  float grey = clamp((value - cal_min) / max(cal_max - cal_min, 0.00001), 0.0, 1.0);
  if (value > cal_min) grey = max(grey, 2.0 / 256.0);
  colour = vec4(vec3(grey), grey * 0.5 * opacity);
}`;

/** NiiVue's shaders that turn stored voxels into colours, by the type of voxel. */
const SAMPLERS = {
  orientShaderI: "isampler3D",
  orientShaderU: "usampler3D",
  orientShaderF: "sampler3D",
} as const;
type ShaderName = keyof typeof SAMPLERS;
type Shader = NonNullable<Niivue[ShaderName]>;

/**
 * Has the image itself drawn by a shader that knows only grey. NiiVue's own looks colours up and blends for any layer, which
 * without a graphics card takes twice as long for a large CT; it goes on drawing what lies over the image.
 */
export function drawImagesGrey(nv: Niivue): void {
  if (nv.gl.isContextLost()) return; // the page was left while NiiVue began
  const names = Object.keys(SAMPLERS) as ShaderName[];
  const made = names.map((name) => {
    const ShaderOf = nv[name]!.constructor as new (
      gl: WebGL2RenderingContext,
      v: string,
      f: string,
    ) => Shader;
    return [name, new ShaderOf(nv.gl, VERTEX, fragment(SAMPLERS[name])), nv[name]!] as const;
  });
  const refresh = nv.refreshLayers.bind(nv);
  nv.refreshLayers = (volume, layer) => {
    if (layer === 0) for (const [name, grey] of made) nv[name] = grey;
    refresh(volume, layer);
    for (const [name, , own] of made) nv[name] = own;
  };
}
