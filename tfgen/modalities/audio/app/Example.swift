// Makes a sound with a TFLite file of $name on iOS. Not compiled where it was written.
// Podfile: pod 'TensorFlowLiteC'. Add $file and vocabulary.json to the app's bundle.
// The C interface is used because TensorFlowLiteSwift's Interpreter can't call a signature by its name.

import Foundation
import TensorFlowLiteC

final class Generator {
    private let model: OpaquePointer
    private let interpreter: OpaquePointer
    private let runner: OpaquePointer
    private let vocabulary: [String: Any]

    init() throws {
        let bundle = Bundle.main
        let file = bundle.path(forResource: "$stem", ofType: "tflite")!
        let words = try Data(contentsOf: bundle.url(forResource: "vocabulary", withExtension: "json")!)
        vocabulary = try JSONSerialization.jsonObject(with: words) as! [String: Any]
        model = TfLiteModelCreateFromFile(file)!
        interpreter = TfLiteInterpreterCreate(model, nil)!
        runner = TfLiteInterpreterGetSignatureRunner(interpreter, "generate")!
    }

    deinit {
        TfLiteSignatureRunnerDelete(runner)
        TfLiteInterpreterDelete(interpreter)
        TfLiteModelDelete(model)
    }

    /// $samples samples from -1 to 1, $rate a second. The same prompt and seed give the same sound as on a server.
    func generate(prompt: String, seed: Int32) throws -> [Float] {
        TfLiteSignatureRunnerResizeInputTensor(runner, "seed", [1], 1)
        let ids = try wordIds(prompt)
        if $has_prompt { TfLiteSignatureRunnerResizeInputTensor(runner, "prompt", [1, Int32(ids.count)], 2) }
        TfLiteSignatureRunnerAllocateTensors(runner)
        fill("seed", with: [seed])
        if $has_prompt { fill("prompt", with: ids) }
        TfLiteSignatureRunnerInvoke(runner)
        var sounds = [Float](repeating: 0, count: $samples)
        let output = TfLiteSignatureRunnerGetOutputTensor(runner, "sounds")
        _ = sounds.withUnsafeMutableBytes { TfLiteTensorCopyToBuffer(output, $$0.baseAddress, $$0.count) }
        return sounds
    }

    private func fill(_ name: String, with values: [Int32]) {
        let tensor = TfLiteSignatureRunnerGetInputTensor(runner, name)
        _ = values.withUnsafeBytes { TfLiteTensorCopyFromBuffer(tensor, $$0.baseAddress, $$0.count) }
    }

    struct UnknownWord: Error { let word: String }

    private func wordIds(_ prompt: String) throws -> [Int32] {
        let longest = vocabulary["longest"] as! Int
        let prompts = vocabulary["prompts"] as! [String: [Int]], words = vocabulary["words"] as! [String: Int]
        let asked = prompt.lowercased().trimmingCharacters(in: .whitespaces)
        if asked.isEmpty { return [Int32](repeating: 0, count: longest) }
        // As it is first: of labels that differ in case alone, each is written in its own.
        var ids = prompts[prompt.trimmingCharacters(in: .whitespaces)] ?? prompts[asked] ?? []
        if ids.isEmpty {
            let letters = vocabulary["letters"] as! String, repeats = vocabulary["repeats"] as! Bool
            let spaced = asked.replacingOccurrences(of: letters, with: " $$0 ", options: .regularExpression)
            for part in spaced.split(separator: " ") {
                let word = part.trimmingCharacters(in: .punctuationCharacters)
                guard let id = words[word] else { throw UnknownWord(word: word) }
                if repeats || !ids.contains(id) { ids.append(id) }
            }
        }
        guard ids.count <= longest else { throw UnknownWord(word: prompt) }
        return (ids + [Int](repeating: 0, count: longest - ids.count)).map { Int32($$0) }
    }
}
