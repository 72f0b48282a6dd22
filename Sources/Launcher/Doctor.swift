import Checkpoints
import ChexGenLua
import Encoders
import Evaluation
import Foundation
import Language
import LuaRuntime
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

    /// Where the generators lie that `chexgen.models` names, part by part.
    private static var generators: [(name: String, text: String)] {
        guard let library = ScriptLocations.library() else { return [] }
        var options = LuaOptions()
        options.searchFolders = [library]
        do {
            let session = try Session(options)
            defer { session.host.close() }
            let parts = try session.host.run(partsOfGenerators, name: "doctor").first?.tableValue?.array ?? []
            return parts.compactMap(\.tableValue).map { part in
                func field(_ name: String) -> String { part[name].stringValue ?? "" }
                do {
                    // First the whole, so that what is missing is not one file of it.
                    let place = try HubCache.locate(field("place"))
                    _ = try HubCache.locate(field("place"), file: field("file"))
                    return (field("name"), place)
                } catch { return (field("name"), String(describing: error)) }
            }
        } catch { return [("generators", String(describing: error))] }
    }

    private static let partsOfGenerators = """
        local parts = {}
        for _, entry in ipairs(require "chexgen.models") do
          for _, place in ipairs(entry.places or {}) do
            parts[#parts + 1] = { name = entry[1], place = place[1], file = place[2] }
          end
        end
        return parts
        """
}
