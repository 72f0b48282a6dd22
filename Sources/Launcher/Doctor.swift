import COneDNN
import COpenBLAS
import ChexGenLua
import Encoders
import Evaluation
import Foundation
import Runs

/// What is on this machine, and one line on what to do about what is not.
public enum Doctor {
    /// The version of the program.
    public static var version: String { Version.text }

    /// Name and finding of each thing that is looked for, in order.
    public static func findings() -> [(name: String, text: String)] {
        var found = [
            ("chexgen", Version.text),
            ("processor", "\(Machine.cpuName), \(ProcessInfo.processInfo.activeProcessorCount) cores"),
            ("features", Machine.cpuFeatures.joined(separator: " ")),
        ]
        if let version = dnnl_version()?.pointee {
            found.append(("oneDNN", "\(version.major).\(version.minor).\(version.patch)"))
        }
        found += [
            ("OpenBLAS", String(cString: openblas_get_config())),
            ("kernels", String(cString: openblas_get_corename())),
            (
                "Lua library",
                ScriptLocations.library() ?? "not found; set CHEXGEN_LUA to the folder lua of the project"
            ),
            ("feature cache", FeatureCache.defaultFolder),
        ]
        for entry in EncoderRegistry.standard.entries {
            do {
                found.append((entry.name, try entry.locate()))
            } catch {
                found.append((entry.name, String(describing: error)))
            }
        }
        return found
    }
}
