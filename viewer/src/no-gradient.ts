import type { Niivue } from "@niivue/niivue";

const VERTEX = `#version 300 es
void main(void) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); }`;
const FRAGMENT = `#version 300 es
precision highp float;
out vec4 colour;
void main(void) { colour = vec4(0.0); }`;

function compile(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram()!;
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return program;
}

/**
 * Spares NiiVue the image's gradient, which it computes slice by slice whenever a layer changes, for a lighting of volumes
 * that we leave off: it is most of the time a large CT takes to open. The passes are still made, but draw nothing.
 */
export function spareGradient(nv: Niivue): void {
  const program = compile(nv.gl);
  const nothing = {
    program,
    uniforms: {},
    isMatcap: false,
    use: (gl: WebGL2RenderingContext) => gl.useProgram(program),
  };
  nv.blurShader = nothing as unknown as typeof nv.blurShader;
  nv.sobelFirstOrderShader = nothing as unknown as typeof nv.sobelFirstOrderShader;
}
