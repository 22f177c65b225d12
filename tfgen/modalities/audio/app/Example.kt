// Makes a sound with a TFLite file of $name on Android. Not compiled where it was written.
// build.gradle: implementation("com.google.ai.edge.litert:litert:1.4.0")
// Put $file and vocabulary.json into src/main/assets.

import android.content.Context
import android.media.AudioFormat
import android.media.AudioTrack
import org.json.JSONObject
import org.tensorflow.lite.Interpreter
import java.nio.ByteBuffer
import java.nio.ByteOrder

class Generator(context: Context) {
    private val interpreter: Interpreter
    private val vocabulary: JSONObject

    init {
        val model = context.assets.open("$file").use { it.readBytes() }
        val buffer = ByteBuffer.allocateDirect(model.size).order(ByteOrder.nativeOrder()).put(model)
        interpreter = Interpreter(buffer, Interpreter.Options().setNumThreads(1))
        vocabulary = JSONObject(context.assets.open("vocabulary.json").bufferedReader().readText())
    }

    /** $rate samples a second. The same prompt and seed give the same sound as on a server. The empty prompt draws one. */
    fun generate(prompt: String, seed: Int): FloatArray {
        val sounds = Array(1) { FloatArray($samples) }
        val inputs = mutableMapOf<String, Any>("seed" to intArrayOf(seed))
        if ($has_prompt) inputs["prompt"] = arrayOf(wordIds(prompt))
        interpreter.runSignature(inputs, mutableMapOf<String, Any>("sounds" to sounds), "generate")
        return sounds[0]
    }

    fun play(samples: FloatArray) {
        val format = AudioFormat.Builder().setEncoding(AudioFormat.ENCODING_PCM_FLOAT).setSampleRate($rate)
            .setChannelMask(AudioFormat.CHANNEL_OUT_MONO).build()
        val track = AudioTrack.Builder().setAudioFormat(format).setTransferMode(AudioTrack.MODE_STATIC)
            .setBufferSizeInBytes(4 * samples.size).build()
        track.write(samples, 0, samples.size, AudioTrack.WRITE_BLOCKING)
        track.play()
    }

    /** Throws for a prompt or a word that the model never saw. */
    private fun wordIds(prompt: String): IntArray {
        val ids = IntArray(vocabulary.getInt("longest"))
        val asked = prompt.lowercase().trim()
        if (asked.isEmpty()) return ids
        val prompts = vocabulary.getJSONObject("prompts")
        // As it is first: of labels that differ in case alone, each is written in its own.
        val known = prompts.optJSONArray(prompt.trim()) ?: prompts.optJSONArray(asked)
        val words = vocabulary.getJSONObject("words")
        val found = if (known != null) List(known.length()) { known.getInt(it) }
        else typedWords(asked).map { words.getInt(it) }
        found.forEachIndexed { place, id -> ids[place] = id }
        return ids
    }

    private fun typedWords(asked: String): List<String> {
        val spaced = asked.replace(Regex(vocabulary.getString("letters")), " $$0 ").trim()
        val words = spaced.split(Regex("\\s+")).map { it.trim(',', '.', ';', ':', '!', '?') }
        return if (vocabulary.getBoolean("repeats")) words else words.distinct()
    }
}
