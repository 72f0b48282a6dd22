import CSupport
import Foundation

// Our side of the benchmarks; benchmarks/*.py start it. CHEXGEN_THREADS sets the threads.
//   chexgen-bench encoders ENCODER WEIGHTS DTYPE INPUT.npy
//   chexgen-bench training NETWORK BATCH FILES
//   chexgen-bench metrics fid|fid-moments|moments|kid|prdc REAL SYNTHETIC ROWS COLUMNS
//   chexgen-bench radiomics FILE…
//   chexgen-bench diffusion denoiser FOLDER DTYPE LATENTS.npy CONTEXT.npy OUT.npy
//   chexgen-bench diffusion text FOLDER DTYPE IDS.npy OUT.npy
//   chexgen-bench diffusion vae FOLDER DTYPE LATENTS.npy OUT.npy
//   chexgen-bench diffusion picture FOLDER DTYPE STEPS
//   chexgen-bench diffusion peak DTYPE
//   chexgen-bench language write FOLDER DTYPE PROMPT TOKENS TEXTS
//   chexgen-bench language bandwidth
// Each says `ready` when it has loaded its inputs, works once for every line that it reads, and prints the seconds and what the
// work gave.

cx_calm_threads(CommandLine.unsafeArgv)
cx_set_threads(Int32(ProcessInfo.processInfo.environment["CHEXGEN_THREADS"] ?? "") ?? cx_threads())

let subcommands: [String: ([String]) throws -> Void] = [
    "encoders": benchEncoders, "training": benchTraining, "metrics": benchMetrics, "radiomics": benchRadiomics,
    "diffusion": benchDiffusion, "language": benchLanguage,
]

do {
    let words = Array(CommandLine.arguments.dropFirst())
    guard let name = words.first, let run = subcommands[name] else { throw Usage() }
    try run(Array(words.dropFirst()))
} catch is Usage {
    complain(
        "usage: chexgen-bench encoders|training|metrics|radiomics|diffusion|language …; the head of main.swift says what each wants"
    )
    exit(2)
} catch {
    complain("chexgen-bench: \(error)")
    exit(1)
}
