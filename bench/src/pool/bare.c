/* As many threads as asked, each with a session of its own: C_SignInit and C_Sign (CKM_RSA_PKCS over a
 * DigestInfo) in a loop, nothing else. Prints signatures, seconds, and CPU seconds of the process.
 * Built by the bench when it runs; the few types of PKCS#11 that it needs are written out here. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef unsigned long ulong_t;
typedef struct { ulong_t type; void *value; ulong_t length; } attribute_t;
typedef struct { ulong_t mechanism; void *parameter; ulong_t length; } mechanism_t;
typedef struct { void *lock[4]; ulong_t flags; void *reserved; } initialize_t;

enum { SERIAL_SESSION = 4, OS_LOCKING = 2, USER = 1, RSA_PKCS = 1, CLASS = 0, LABEL = 3, PRIVATE_KEY = 3 };

static ulong_t (*initialize)(void *);
static ulong_t (*slot_list)(unsigned char, ulong_t *, ulong_t *);
static ulong_t (*open_session)(ulong_t, ulong_t, void *, void *, ulong_t *);
static ulong_t (*login)(ulong_t, ulong_t, const char *, ulong_t);
static ulong_t (*find_init)(ulong_t, attribute_t *, ulong_t);
static ulong_t (*find)(ulong_t, ulong_t *, ulong_t, ulong_t *);
static ulong_t (*find_final)(ulong_t);
static ulong_t (*sign_init)(ulong_t, mechanism_t *, ulong_t);
static ulong_t (*sign)(ulong_t, const void *, ulong_t, unsigned char *, ulong_t *);

static ulong_t slot, key;
static double begun, seconds;
static pthread_barrier_t start;

static void check(ulong_t code, const char *what) {
    if (code != 0) {
        fprintf(stderr, "%s: 0x%lx\n", what, code);
        exit(1);
    }
}

static double now(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void *loop(void *counter) {
    static const unsigned char info[51] = {
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20, 0x5a};
    mechanism_t mechanism = {RSA_PKCS, NULL, 0};
    unsigned char value[512];
    ulong_t session, *count = counter;
    check(open_session(slot, SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");
    pthread_barrier_wait(&start);
    begun = now(CLOCK_MONOTONIC);
    double end = begun + seconds;
    while (now(CLOCK_MONOTONIC) < end) {
        ulong_t length = sizeof value;
        check(sign_init(session, &mechanism, key), "C_SignInit");
        check(sign(session, info, sizeof info, value, &length), "C_Sign");
        ++*count;
    }
    return NULL;
}

#define NEEDED(name, function) \
    if (!(*(void **)&function = dlsym(module, name))) { fprintf(stderr, "no %s\n", name); return 1; }

/* module pin threads seconds */
int main(int argc, char **argv) {
    if (argc != 5) return 2;
    void *module = dlopen(argv[1], RTLD_NOW);
    if (!module) { fprintf(stderr, "%s\n", dlerror()); return 1; }
    NEEDED("C_Initialize", initialize) NEEDED("C_GetSlotList", slot_list)
    NEEDED("C_OpenSession", open_session) NEEDED("C_Login", login)
    NEEDED("C_FindObjectsInit", find_init) NEEDED("C_FindObjects", find)
    NEEDED("C_FindObjectsFinal", find_final)
    NEEDED("C_SignInit", sign_init) NEEDED("C_Sign", sign)
    initialize_t how = {{NULL, NULL, NULL, NULL}, OS_LOCKING, NULL};
    check(initialize(&how), "C_Initialize");
    ulong_t slots[16], count = 16, session, found;
    check(slot_list(1, slots, &count), "C_GetSlotList");
    if (count == 0) { fprintf(stderr, "no token\n"); return 1; }
    slot = slots[0];
    check(open_session(slot, SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");
    check(login(session, USER, argv[2], strlen(argv[2])), "C_Login");
    ulong_t class = PRIVATE_KEY;
    attribute_t wanted[] = {{CLASS, &class, sizeof class}};
    check(find_init(session, wanted, 1), "C_FindObjectsInit");
    check(find(session, &key, 1, &found), "C_FindObjects");
    check(find_final(session), "C_FindObjectsFinal");
    if (found != 1) { fprintf(stderr, "no key\n"); return 1; }
    int threads = atoi(argv[3]);
    seconds = atof(argv[4]);
    pthread_t *all = calloc(threads, sizeof *all);
    /* A cache line each. */
    ulong_t *counts = calloc(threads, 64);
    pthread_barrier_init(&start, NULL, threads);
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < threads; i++) pthread_create(&all[i], NULL, loop, counts + i * 8);
    ulong_t sum = 0;
    for (int i = 0; i < threads; i++) { pthread_join(all[i], NULL); sum += counts[i * 8]; }
    printf("%lu %.6f %.6f\n", sum, now(CLOCK_MONOTONIC) - begun, now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    return 0;
}
