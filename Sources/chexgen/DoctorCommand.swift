import COneDNN
import COpenBLAS
import ChexGenLua
import Checkpoints
import Encoders
import Foundation
import Runs
import Tensors

/// `chexgen doctor`: what is on this machine, and one line on what to do about what is not.
enum DoctorCommand {
    static func run(_ words: [String]) throws -> Int32 {
        guard try CommandLineOptions(words, options: []).positional.isEmpty else {
            throw UsageError("chexgen doctor takes no file")
        }
        line("chexgen", Version.text)
        line("processor", "\(Machine.cpuName), \(ProcessInfo.processInfo.activeProcessorCount) cores")
        line("features", Machine.cpuFeatures.joined(separator: " "))
        if let version = dnnl_version()?.pointee {
            line("oneDNN", "\(version.major).\(version.minor).\(version.patch)")
        }
        line("OpenBLAS", String(cString: openblas_get_config()))
        line("kernels", String(cString: openblas_get_corename()))
        line("Lua library", ScriptLocations.library() ?? "not found; set CHEXGEN_LUA to the folder lua of the project")
        line("feature cache", FeatureCache.defaultFolder)
        for entry in EncoderRegistry.standard.entries {
            do {
                line(entry.name, try entry.locate())
            } catch {
                line(entry.name, String(describing: error))
            }
        }
        return ExitStatus.done.rawValue
    }

    private static func line(_ name: String, _ text: String) {
        print(name + String(repeating: " ", count: max(1, 16 - name.count)) + text)
    }
}
