/* Counts the words of texts: count LIST. The list has the paths of the texts, each ended by a zero byte. A word is a run
   of ASCII letters, digits, low lines and bytes beyond ASCII; ASCII letters are lower-cased. Says what it took as a line
   of JSON. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct slot {
    uint64_t hash, count;
    char *word;
    uint32_t length;
};

static struct slot *slots;
static size_t capacity = 1 << 16, distinct, words;
static char *arena;
static size_t arena_left;
static unsigned char lower[256];

static void *allocated(size_t bytes) {
    void *memory = calloc(1, bytes);
    if (!memory) exit(3);
    return memory;
}

static char *kept(const char *word, size_t length) {
    if (arena_left < length) {
        arena_left = length > (1 << 20) ? length : 1 << 20;
        arena = allocated(arena_left);
    }
    char *copy = memcpy(arena, word, length);
    arena += length;
    arena_left -= length;
    return copy;
}

static void grow(void) {
    struct slot *old = slots;
    size_t before = capacity;
    capacity *= 2;
    slots = allocated(capacity * sizeof *slots);
    for (size_t n = 0; n < before; n++) {
        if (!old[n].word) continue;
        size_t at = old[n].hash & (capacity - 1);
        while (slots[at].word) at = (at + 1) & (capacity - 1);
        slots[at] = old[n];
    }
    free(old);
}

static void add(const char *word, size_t length, uint64_t hash) {
    hash ^= hash >> 32;
    size_t at = hash & (capacity - 1);
    words++;
    for (; slots[at].word; at = (at + 1) & (capacity - 1)) {
        struct slot *slot = &slots[at];
        if (slot->hash == hash && slot->length == length && !memcmp(slot->word, word, length)) {
            slot->count++;
            return;
        }
    }
    slots[at] = (struct slot){hash, 1, kept(word, length), (uint32_t)length};
    if (++distinct * 2 > capacity) grow();
}

static void count(char *text, size_t bytes) {
    size_t at = 0;
    while (at < bytes) {
        while (at < bytes && !lower[(unsigned char)text[at]]) at++;
        size_t start = at;
        uint64_t hash = 14695981039346656037u;
        for (unsigned char byte; at < bytes && (byte = lower[(unsigned char)text[at]]); at++) {
            text[at] = (char)byte;
            hash = (hash ^ byte) * 1099511628211u;
        }
        if (at > start) add(text + start, at - start, hash);
    }
}

static char *read_all(const char *path, size_t *bytes) {
    static char *text;
    static size_t room;
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) return NULL;
    *bytes = (size_t)ftell(file);
    rewind(file);
    if (*bytes > room) {
        free(text);
        text = allocated(room = *bytes);
    }
    size_t read = fread(text, 1, *bytes, file);
    fclose(file);
    return read == *bytes ? text : NULL;
}

static long peak_kib(void) {
    char line[256];
    long kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %ld", &kib) == 1) break;
    return kib;
}

int main(int n, char **arguments) {
    size_t list_bytes, bytes;
    char *list = n == 2 ? read_all(arguments[1], &list_bytes) : NULL;
    if (!list) return 2;
    char *paths = memcpy(allocated(list_bytes + 1), list, list_bytes);
    for (int byte = 0; byte < 256; byte++)
        lower[byte] = byte >= 'A' && byte <= 'Z' ? byte + 32
            : byte >= 128 || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' ? byte : 0;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    slots = allocated(capacity * sizeof *slots);
    for (char *path = paths; path < paths + list_bytes; path += strlen(path) + 1) {
        char *text = read_all(path, &bytes);
        if (!text) return 1;
        count(text, bytes);
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    printf("{\"seconds\": %.9f, \"words\": %zu, \"distinct\": %zu, \"rss_kib\": %ld}\n", seconds, words, distinct,
           peak_kib());
    return 0;
}
