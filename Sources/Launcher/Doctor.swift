import Checkpoints
import ChexGenLua
import Diffusion
import Encoders
import Evaluation
import Foundation
import Language
import Plotting
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
            ("experiments", ScriptLocations.experiments ?? "not found; they lie beside the Lua library"),
            ("feature cache", FeatureCache.defaultFolder),
        ]
        for entry in EncoderRegistry.standard.entries {
            do {
                found.append((entry.name, try entry.locate()))
            } catch {
                found.append((entry.name, String(describing: error)))
            }
        }
        for (name, entry) in zip(LabelerRegistry.standard.names, LabelerRegistry.standard.all) {
            found.append((name, place(entry.weights.place, entry.weights.file)))
        }
        for (name, entry) in zip(VisionLanguageRegistry.standard.names, VisionLanguageRegistry.standard.all) {
            found += entry.hub.map { (name, place($0.place, $0.file)) }
        }
        found += generators
        found.append(("gnuplot", (try? Gnuplot().locate()) ?? "not found; on Debian: apt-get install gnuplot-nox"))
        return found
    }

    /// Where a file of the Hub lies, or what gets it.
    private static func place(_ name: String, _ file: String) -> String {
        do { return try HubCache.locate(name, file: file) } catch { return String(describing: error) }
    }

    /// Where the generators lie that the program knows by name, part by part.
    private static var generators: [(name: String, text: String)] {
        GeneratorCatalog.standard.all.flatMap { known in
            known.places.map { part in
                do {
                    // First the whole, so that what is missing is not one file of it.
                    let place = try HubCache.locate(part.place)
                    _ = try HubCache.locate(part.place, file: part.file)
                    return (known.name, place)
                } catch { return (known.name, String(describing: error)) }
            }
        }
    }
}
