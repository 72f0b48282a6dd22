import ChexGenLua
import Encoders
import Evaluation
import Foundation
import Runs

/// What is on this machine, and one line on what to do about what is not.
public enum Doctor {
    /// The version of the program.
    public static var version: String { Version.text }

    /// Name and finding of each thing that is looked for, in order; `build` is the hash of the program's sources.
    public static func findings(build: String) -> [(name: String, text: String)] {
        var found = [
            ("chexgen", Version.text), ("sources", build),
            ("processor", "\(Machine.cpuName), \(ProcessInfo.processInfo.activeProcessorCount) cores"),
            ("features", Machine.cpuFeatures.joined(separator: " ")),
        ]
        found += ProgramIdentity.libraries.map { ($0.name, $0.version) }
        found += [
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
